import { crc32 } from 'node:zlib';

type Text = string | null;

/**
 * Checksum of a row of `events`: CRC-32 of the record, begun with a mix of the other columns. Each step of the mix is
 * one-to-one, so a change of any one column always shows, as does any one burst of 32 bits in the record.
 * @returns an unsigned 32-bit integer; NaN, which equals nothing, where a column is not of its type, as in a damaged row
 */
export function eventChecksum(
  position: number,
  stream: number,
  version: number,
  part: number,
  type: number,
  time: number,
  tags: Text,
  correlation: Text,
  causation: Text,
  record: Uint8Array,
): number {
  let seed = mix(1, position);
  seed = mix(seed, stream);
  seed = mix(seed, version);
  seed = mix(seed, part);
  seed = mix(seed, type);
  seed = mix(seed, time);
  if (tags !== null || correlation !== null || causation !== null) {
    seed = mixText(mixText(mixText(seed, tags), correlation), causation);
  }
  // A NaN on the way has become NaN here.
  if (Number.isNaN(seed) || !(record instanceof Uint8Array)) return Number.NaN;
  return crc32(record, seed >>> 0);
}

/**
 * Checksum of a row of any other table: of the table's name and all columns but the checksum, in the order of `SCHEMA`.
 * @returns an unsigned 32-bit integer
 */
export function rowChecksum(table: string, ...columns: readonly (number | Text)[]): number {
  return crc32(JSON.stringify([table, columns]));
}

const HIGH_WORD = 2 ** 32;

function mix(seed: number, value: number): number {
  if (!Number.isInteger(value)) return Number.NaN;
  // Of a NaN the integer operations would make a 0.
  if (Number.isNaN(seed)) return seed;
  let mixed = Math.imul(seed ^ value, 0x85ebca6b);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed ^ Math.floor(value / HIGH_WORD), 0xc2b2ae35);
  return mixed ^ (mixed >>> 13);
}

function mixText(seed: number, text: Text): number {
  if (Number.isNaN(seed)) return seed;
  if (text === null) return mix(seed, -1);
  return typeof text === 'string' ? crc32(text, mix(seed, text.length) >>> 0) : Number.NaN;
}
