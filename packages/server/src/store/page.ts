import type { ByteSink } from '../lib/byte-sink.ts';
import { RecordedEvent } from './recorded-event.ts';

/**
 * A *frame*: an event as it travels in a page. Little-endian: 4 bytes length of the record, 8 bytes each (as doubles)
 * position, version and time, then the record.
 */
export const FRAME_HEADER_BYTES = 28;

export function writeFrame(
  sink: ByteSink,
  position: number,
  version: number,
  timeUs: number,
  record: Uint8Array,
): void {
  const at = sink.reserve(FRAME_HEADER_BYTES);
  const { buffer } = sink;
  buffer.writeUInt32LE(record.length, at);
  buffer.writeDoubleLE(position, at + 4);
  buffer.writeDoubleLE(version, at + 12);
  buffer.writeDoubleLE(timeUs, at + 20);
  sink.bytes(record);
}

/** @returns the events of a page of frames; views of it */
export function decodePage({ bytes, count }: { readonly bytes: Uint8Array; readonly count: number }): RecordedEvent[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: RecordedEvent[] = new Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at + FRAME_HEADER_BYTES;
    const end = start + buffer.readUInt32LE(at);
    events[i] = new RecordedEvent(
      buffer,
      start,
      end,
      buffer.readDoubleLE(at + 4),
      buffer.readDoubleLE(at + 12),
      buffer.readDoubleLE(at + 20),
    );
    at = end;
  }
  return events;
}
