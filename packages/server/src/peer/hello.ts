import {
  bytesSize,
  integerSize,
  textSize,
  WireError,
  type WireReader,
  writeBytes,
  writeInteger,
  writeText,
} from './wire-bytes.ts';

const MAGIC = Buffer.from('PLXS');
export const NONCE_BYTES = 32;
const MAX_ADDRESSES = 64;
/** Nobody may ask for frames so small that its own introduction would not fit. */
const LEAST_MAX_FRAME_BYTES = 16 * 1024;

/** The first frame of either end. */
export interface Hello {
  readonly oldestVersion: number;
  readonly newestVersion: number;
  readonly features: number;
  readonly incarnation: number;
  /** Largest frame that is taken after the introduction. */
  readonly maxFrameBytes: number;
  readonly purpose: string;
  readonly nonce: Uint8Array;
  readonly addresses: readonly string[];
  readonly greeting: Uint8Array;
}

/** The last frame of either end. */
export interface Ready {
  /** Of the link that this end still has with the peer's start; 0: none. */
  readonly session: number;
  /** Number of the last data frame that came over it. */
  readonly lastReceived: number;
  /** For a new link; the initiator's counts. */
  readonly proposal: number;
}

export function helloBody(hello: Hello): Uint8Array {
  const { oldestVersion, newestVersion, features, incarnation, maxFrameBytes } = hello;
  const integers = [oldestVersion, newestVersion, features, incarnation, maxFrameBytes];
  const addresses = hello.addresses.slice(0, MAX_ADDRESSES);
  let bytes = MAGIC.length + textSize(hello.purpose) + NONCE_BYTES + integerSize(addresses.length);
  for (const integer of integers) bytes += integerSize(integer);
  for (const address of addresses) bytes += textSize(address);
  const out = Buffer.alloc(bytes + bytesSize(hello.greeting));
  let at = MAGIC.copy(out);
  for (const integer of integers) at = writeInteger(out, at, integer);
  at = writeText(out, at, hello.purpose);
  out.set(hello.nonce, at);
  at = writeInteger(out, at + NONCE_BYTES, addresses.length);
  for (const address of addresses) at = writeText(out, at, address);
  writeBytes(out, at, hello.greeting);
  return out;
}

/**
 * What follows behind the last field is for later versions, and skipped.
 * @throws {WireError}
 */
export function readHello(body: WireReader): Hello {
  if (!body.bytes(MAGIC.length).equals(MAGIC)) throw new WireError('not a Hello');
  const hello = {
    oldestVersion: body.integer(),
    newestVersion: body.integer(),
    features: body.integer(),
    incarnation: body.integer(),
    maxFrameBytes: body.integer(),
    purpose: body.text(),
    nonce: copy(body.bytes(NONCE_BYTES)),
    addresses: readAddresses(body),
    greeting: copy(body.bytes()),
  };
  if (hello.oldestVersion > hello.newestVersion) throw new WireError('an empty range of versions');
  if (hello.maxFrameBytes < LEAST_MAX_FRAME_BYTES) throw new WireError(`takes ${hello.maxFrameBytes} bytes only`);
  return hello;
}

export function readyBody(ready: Ready): Uint8Array {
  const { session, lastReceived, proposal } = ready;
  const out = new Uint8Array(integerSize(session) + integerSize(lastReceived) + integerSize(proposal));
  writeInteger(out, writeInteger(out, writeInteger(out, 0, session), lastReceived), proposal);
  return out;
}

/** @throws {WireError} */
export function readReady(body: WireReader): Ready {
  const ready = { session: body.integer(), lastReceived: body.integer(), proposal: body.integer() };
  if (ready.proposal === 0) throw new WireError('no session proposed');
  return ready;
}

function readAddresses(body: WireReader): string[] {
  const count = body.integer();
  if (count > MAX_ADDRESSES) throw new WireError(`${count} addresses, at most ${MAX_ADDRESSES} are taken`);
  const addresses: string[] = [];
  for (let i = 0; i < count; i++) addresses.push(body.text());
  return addresses;
}

/** The reader's views keep a whole chunk alive. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
