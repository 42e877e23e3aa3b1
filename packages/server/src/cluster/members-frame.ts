import { integerSize, textSize, WireError, WireReader, writeInteger, writeText } from '../peer/wire-bytes.ts';

/** What a node says of a member, itself or another: that it is up, and where. */
export interface Mention {
  readonly nodeId: string;
  readonly incarnation: number;
  /** Multiaddrs. */
  readonly addresses: readonly string[];
}

/** Other states may come with a later version; whoever does not know one takes no notice of the entry. */
const UP = 1;
const MAX_MENTIONS = 10_000;
const MAX_ID_CHARS = 128;
const MAX_ADDRESSES = 32;
const MAX_ADDRESS_CHARS = 512;

/**
 * Body of a Members frame: a count, then per member its state, node id, incarnation, a count of addresses and the addresses. The first
 * is the sender.
 */
export function encodeMembers(mentions: readonly Mention[]): Uint8Array {
  let size = integerSize(mentions.length);
  for (const { nodeId, incarnation, addresses } of mentions) {
    size += integerSize(UP) + textSize(nodeId) + integerSize(incarnation) + integerSize(addresses.length);
    for (const address of addresses) size += textSize(address);
  }
  const body = Buffer.allocUnsafe(size);
  let at = writeInteger(body, 0, mentions.length);
  for (const { nodeId, incarnation, addresses } of mentions) {
    at = writeInteger(body, at, UP);
    at = writeText(body, at, nodeId);
    at = writeInteger(body, at, incarnation);
    at = writeInteger(body, at, addresses.length);
    for (const address of addresses) at = writeText(body, at, address);
  }
  return body;
}

/** @throws WireError */
export function decodeMembers(buffer: Uint8Array, start: number, end: number): Mention[] {
  const reader = new WireReader(buffer, start, end);
  const count = atMost(reader.integer(), MAX_MENTIONS, 'members');
  const mentions: Mention[] = [];
  for (let i = 0; i < count; i++) {
    const state = reader.integer();
    const nodeId = reader.text();
    atMost(nodeId.length, MAX_ID_CHARS, 'characters of a node id');
    const incarnation = reader.integer();
    const addresses: string[] = [];
    for (let left = atMost(reader.integer(), MAX_ADDRESSES, 'addresses'); left > 0; left--) {
      const address = reader.text();
      atMost(address.length, MAX_ADDRESS_CHARS, 'characters of an address');
      addresses.push(address);
    }
    if (state === UP) mentions.push({ nodeId, incarnation, addresses });
  }
  return mentions;
}

function atMost(value: number, most: number, what: string): number {
  if (value > most) throw new WireError(`more than ${most} ${what}`);
  return value;
}

/** A node with more addresses than fit into the frame is found under the first of them. */
export function mention(nodeId: string, incarnation: number, addresses: readonly string[]): Mention {
  const said = addresses.filter((address) => address.length <= MAX_ADDRESS_CHARS).slice(0, MAX_ADDRESSES);
  return { nodeId, incarnation, addresses: said };
}
