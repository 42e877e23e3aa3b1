import { crc32 } from 'node:zlib';
import type { ByteSink } from '../lib/byte-sink.ts';
import { RECORD_FIXED_BYTES } from './record.ts';

/**
 * A *frame*: an event as it is stored, and as it travels in a page. The writer makes it once; from then on it is copied as
 * it is. Little-endian:
 *
 *     offset  bytes
 *          0      4  length of the record
 *          4      4  checksum: CRC-32 of all that follows, begun with the length of the record
 *          8      8  position, a double
 *         16      8  version, a double
 *         24      8  time in µs, a double
 *         32      4  row id of the stream
 *         36      4  row id of the type
 *         40      2  place of the event in its append, from 0
 *         42      2  number of tags
 *         44         the record; then 4 bytes per tag: its row id
 */
export const FRAME_HEADER_BYTES = 44;

const Offset = { Checksum: 4, Position: 8, Version: 16, Time: 24, Stream: 32, Type: 36, Part: 40, Tags: 42 } as const;
const TAG_BYTES = 4;

/** What a frame says beside the record. */
export interface FrameHeader {
  readonly position: number;
  readonly version: number;
  readonly timeUs: number;
  /** Row ids; 0 where an engine has none. */
  readonly stream: number;
  readonly type: number;
  readonly tags: readonly number[];
  readonly part: number;
}

export function writeFrame(sink: ByteSink, header: FrameHeader, record: Uint8Array): void {
  const { tags } = header;
  const length = record.length;
  const bytes = FRAME_HEADER_BYTES + length + tags.length * TAG_BYTES;
  const at = sink.reserve(bytes);
  const { buffer } = sink;
  buffer.writeUInt32LE(length, at);
  buffer.writeDoubleLE(header.position, at + Offset.Position);
  buffer.writeDoubleLE(header.version, at + Offset.Version);
  buffer.writeDoubleLE(header.timeUs, at + Offset.Time);
  buffer.writeUInt32LE(header.stream, at + Offset.Stream);
  buffer.writeUInt32LE(header.type, at + Offset.Type);
  buffer.writeUInt16LE(header.part, at + Offset.Part);
  buffer.writeUInt16LE(tags.length, at + Offset.Tags);
  buffer.set(record, at + FRAME_HEADER_BYTES);
  let tagAt = at + FRAME_HEADER_BYTES + length;
  for (const tag of tags) tagAt = buffer.writeUInt32LE(tag, tagAt);
  buffer.writeUInt32LE(checksumOf(buffer, at, at + bytes), at + Offset.Checksum);
}

/** @returns where the frame at `at` ends, as it says; it may be damaged. There must be a whole header. */
export function frameEnd(buffer: Buffer, at: number): number {
  return recordEnd(buffer, at) + buffer.readUInt16LE(at + Offset.Tags) * TAG_BYTES;
}

/** Whether the frame in `[at, end)` is as it was written. */
export function isIntact(buffer: Buffer, at: number, end: number): boolean {
  return (
    end - at >= FRAME_HEADER_BYTES + RECORD_FIXED_BYTES &&
    end <= buffer.length &&
    end === frameEnd(buffer, at) &&
    buffer.readUInt32LE(at + Offset.Checksum) === checksumOf(buffer, at, end)
  );
}

/** @returns where the record of the frame at `at` ends; it begins `FRAME_HEADER_BYTES` after `at` */
export function recordEnd(buffer: Buffer, at: number): number {
  return at + FRAME_HEADER_BYTES + buffer.readUInt32LE(at);
}

export const positionOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + Offset.Position);
export const versionOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + Offset.Version);
export const timeUsOf = (buffer: Buffer, at: number): number => buffer.readDoubleLE(at + Offset.Time);
export const streamIdOf = (buffer: Buffer, at: number): number => buffer.readUInt32LE(at + Offset.Stream);
export const typeIdOf = (buffer: Buffer, at: number): number => buffer.readUInt32LE(at + Offset.Type);
export const partOf = (buffer: Buffer, at: number): number => buffer.readUInt16LE(at + Offset.Part);

export function tagIdsOf(buffer: Buffer, at: number): readonly number[] {
  const count = buffer.readUInt16LE(at + Offset.Tags);
  if (count === 0) return NONE;
  const ids: number[] = new Array(count);
  const from = recordEnd(buffer, at);
  for (let i = 0; i < count; i++) ids[i] = buffer.readUInt32LE(from + i * TAG_BYTES);
  return ids;
}

const NONE: readonly number[] = [];

function checksumOf(buffer: Buffer, at: number, end: number): number {
  return crc32(buffer.subarray(at + Offset.Position, end), buffer.readUInt32LE(at));
}
