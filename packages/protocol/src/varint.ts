import { malformed } from './packet-error.ts';

/** Largest variable byte integer (MQTT 5.0 §1.5.5), and so the largest remaining length. */
export const MAX_VARINT = 268_435_455;

/** Bytes that `value` takes as a variable byte integer. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/**
 * Reads a variable byte integer. It has `varintSize(value)` bytes: longer forms of the same value are refused.
 * @throws {PacketError} MalformedPacket: past `end`, over four bytes, or not in the shortest form [MQTT-1.5.5-1].
 */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    if (at + i >= end) throw malformed('variable byte integer runs past its packet');
    const byte = bytes[at + i]!;
    value += (byte & 0x7f) << (7 * i);
    if (byte > 0x7f) continue;
    if (byte === 0 && i > 0) throw malformed('variable byte integer is not in its shortest form [MQTT-1.5.5-1]');
    return value;
  }
  throw malformed('variable byte integer over four bytes (MQTT 5.0 §1.5.5)');
}

/**
 * Writes `value` at `at` and returns the offset after it.
 * @throws {RangeError} above MAX_VARINT.
 */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  if (value > MAX_VARINT) throw new RangeError(`${value} is over the largest variable byte integer`);
  let rest = value;
  while (rest > 0x7f) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}
