import { utf8Length } from '@plexus/protocol';

/** The integers and texts that frames are made of: unsigned LEB128 up to 2^53 - 1, and texts as their length and UTF-8. docs/wire.md §1. */
const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
const MAX_INTEGER_BYTES = 8;

export function integerSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** @returns the offset after it */
export function writeInteger(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  // Bit operations cut off at 32 bits.
  while (rest > 0x7fff_ffff) {
    out[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest > 0x7f) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

export function textSize(text: string): number {
  const bytes = utf8Length(text);
  return integerSize(bytes) + bytes;
}

/** @returns the offset after it */
export function writeText(out: Buffer, at: number, text: string): number {
  const bytes = utf8Length(text);
  const start = writeInteger(out, at, bytes);
  return start + (bytes === 0 ? 0 : out.write(text, start, bytes));
}

export function bytesSize(bytes: Uint8Array): number {
  return integerSize(bytes.length) + bytes.length;
}

/** @returns the offset after it */
export function writeBytes(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const start = writeInteger(out, at, bytes.length);
  out.set(bytes, start);
  return start + bytes.length;
}

/** Bytes of a frame that are not what they should be. */
export class WireError extends Error {
  override name = 'WireError';
}

/** Reads the parts of a frame one after the other. Everything throws a WireError where there is less than it needs. */
export class WireReader {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  u8(): number {
    if (this.at >= this.end) throw new WireError('ends too early');
    return this.buffer[this.at++]!;
  }

  integer(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < MAX_INTEGER_BYTES; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > MAX_INTEGER) break;
        return value;
      }
      factor *= 0x80;
    }
    throw new WireError('an integer is too large');
  }

  /** A view. */
  bytes(length = this.integer()): Buffer {
    const start = this.at;
    if (length > this.end - start) throw new WireError('ends too early');
    this.at = start + length;
    return this.buffer.subarray(start, this.at);
  }

  /** Bytes that are no UTF-8 become replacement characters: whoever needs more checks. */
  text(): string {
    const length = this.integer();
    const start = this.at;
    if (length > this.end - start) throw new WireError('ends too early');
    this.at = start + length;
    return this.buffer.toString('utf8', start, this.at);
  }
}
