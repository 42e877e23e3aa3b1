import { damaged } from '../../lib/sqlite/database.ts';
import { RecordedEvent } from '../recorded-event.ts';
import { eventChecksum } from './checksum.ts';

/** A row of `events`, in the order of `ROW_COLUMNS`. */
export type EventRow = readonly [
  position: number,
  stream: number,
  version: number,
  part: number,
  type: number,
  time: number,
  tags: string | null,
  correlation: string | null,
  causation: string | null,
  checksum: number,
  record: Uint8Array,
];

export const ROW_COLUMNS =
  'position, stream, version, part, type, time, tags, correlation, causation, checksum, record';

/** @throws {PlexusError} store_damaged if the row is not as it was written */
export function checkRow(file: string, row: EventRow): void {
  const [position, stream, version, part, type, time, tags, correlation, causation, checksum, record] = row;
  const actual = eventChecksum(position, stream, version, part, type, time, tags, correlation, causation, record);
  if (actual === checksum) return;
  throw damaged(file, 'a row differs from its checksum', Number.isSafeInteger(position) ? position : null);
}

/** A view of a row that was checked. */
export function eventOf([position, , version, , , time, , , , , record]: EventRow): RecordedEvent {
  const buffer = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  return new RecordedEvent(buffer, 0, buffer.length, position, version, time);
}
