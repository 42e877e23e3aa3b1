import { Encoder } from 'cbor-x';
import type { Link } from '../peer/link-ports.ts';

/**
 * What travels on a link of purpose `store`, in control frames: a varint request id, a byte that is 1 where more of the same message
 * follows in the next frame of that type and id, else 0; then bytes of a CBOR map. See docs/wire.md.
 */
const CODEC = new Encoder({ useRecords: false, tagUint8Array: false, mapsAsObjects: true });

/** Larger messages go in parts: what else is on the link goes between them. */
const PART_BYTES = 256 * 1024;
/** Longest message: a page of 4 MiB, the event that made it so long, and room. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const MAX_VARINT_BYTES = 8;
const LAST = 0;
const MORE_FOLLOW = 1;

export type Fields = Readonly<Record<string, unknown>>;

export interface Received {
  readonly id: number;
  readonly message: Fields;
}

/** Bytes that are no message: the link is closed. */
export class BadMessage extends Error {}

/** Sends one message; its bytes are copied. */
export function sendMessage(link: Pick<Link, 'control'>, type: number, id: number, message: Fields): void {
  const body = CODEC.encode(message);
  for (let start = 0; start < body.length; start += PART_BYTES) {
    const end = Math.min(start + PART_BYTES, body.length);
    const frame = Buffer.allocUnsafe(MAX_VARINT_BYTES + 1 + end - start);
    let at = writeVarint(frame, id);
    frame[at++] = end < body.length ? MORE_FOLLOW : LAST;
    at += body.copy(frame, at, start, end);
    link.control(type, frame.subarray(0, at));
  }
}

interface Unfinished {
  readonly chunks: Buffer[];
  bytes: number;
}

/** Puts together what comes over one link. What it gives is in memory of its own, and may be kept. */
export class MessageReader {
  readonly #unfinished = new Map<string, Unfinished>();
  #bytes = 0;

  /** @returns null: more of it is to come. @throws {BadMessage} */
  take(type: number, buffer: Uint8Array, start: number, end: number): Received | null {
    const { value: id, at } = readVarint(buffer, start, end);
    if (at >= end) throw new BadMessage('a message without a body');
    const chunk = Buffer.allocUnsafe(end - at - 1);
    chunk.set(buffer.subarray(at + 1, end));
    const isWhole = buffer[at] !== MORE_FOLLOW;
    // Nearly all are whole, and nothing is unfinished.
    if (isWhole && this.#unfinished.size === 0) return { id, message: decode(chunk) };
    const key = `${type} ${id}`;
    const before = this.#unfinished.get(key);
    if (!isWhole) {
      this.#keep(key, before, chunk);
      return null;
    }
    if (before === undefined) return { id, message: decode(chunk) };
    this.#unfinished.delete(key);
    this.#bytes -= before.bytes;
    return { id, message: decode(Buffer.concat([...before.chunks, chunk])) };
  }

  /** Forgets what was begun: the rest of it will not come. */
  clear(): void {
    this.#unfinished.clear();
    this.#bytes = 0;
  }

  #keep(key: string, before: Unfinished | undefined, chunk: Buffer): void {
    const unfinished = before ?? { chunks: [], bytes: 0 };
    unfinished.chunks.push(chunk);
    unfinished.bytes += chunk.length;
    this.#bytes += chunk.length;
    // All that is unfinished together has the bound of one: senders finish one before they begin the next.
    if (this.#bytes > MAX_MESSAGE_BYTES || chunk.length === 0) throw new BadMessage('a message is too long');
    this.#unfinished.set(key, unfinished);
  }
}

function decode(bytes: Buffer): Fields {
  let message: unknown;
  try {
    message = CODEC.decode(bytes);
  } catch (error) {
    throw new BadMessage(`no CBOR: ${(error as Error).message}`);
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) throw new BadMessage('no map');
  return message as Fields;
}

function writeVarint(out: Buffer, value: number): number {
  let at = 0;
  for (; value > 0x7f; value = Math.floor(value / 128)) out[at++] = (value % 128) | 0x80;
  out[at++] = value;
  return at;
}

function readVarint(buffer: Uint8Array, start: number, end: number): { value: number; at: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; at < end && at - start < MAX_VARINT_BYTES; at++, scale *= 128) {
    const byte = buffer[at]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80 && Number.isSafeInteger(value)) return { value, at: at + 1 };
  }
  throw new BadMessage('no number');
}
