import { damaged } from '../../lib/sqlite/database.ts';
import { isIntact } from '../frame.ts';
import { StoredRow } from './stored-row.ts';

/** What the columns of `events` repeat of a frame, in the order of `EVENT_COLUMNS`. */
export type EventColumns = readonly [
  position: number,
  stream: number,
  version: number,
  type: number,
  tags: string | null,
  correlation: string | null,
  causation: string | null,
];
export const EVENT_COLUMNS = 'position, stream, version, type, tags, correlation, causation';

/** A whole row of `events`, in the order of `ROW_COLUMNS`. */
export type EventRow = readonly [...EventColumns, frame: Uint8Array];
export const ROW_COLUMNS = `${EVENT_COLUMNS}, frame`;

/** @throws {PlexusError} store_damaged if the frame or a column is not as it was written */
export function checkedRow(file: string, row: EventRow): StoredRow {
  const [position, stream, version, type, tags, correlation, causation, frame] = row;
  const known = Number.isSafeInteger(position) ? position : null;
  const buffer = frame instanceof Uint8Array ? Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength) : EMPTY;
  if (!isIntact(buffer, 0, buffer.length)) throw damaged(file, 'a row differs from its checksum', known);
  const stored = new StoredRow(buffer, 0, buffer.length);
  if (agrees(stored, [position, stream, version, type, tags, correlation, causation])) return stored;
  throw damaged(file, COLUMN_DIFFERS, known);
}

export const COLUMN_DIFFERS = 'a column of an event differs from its frame';

export function agrees(
  row: StoredRow,
  [position, stream, version, type, tags, correlation, causation]: EventColumns,
): boolean {
  return (
    row.position === position &&
    row.stream === stream &&
    row.version === version &&
    row.type === type &&
    tagColumn(row.tagIds) === tags &&
    row.correlation === correlation &&
    row.causation === causation
  );
}

/** As it stands in `events.tags`. @param ids row ids */
export function tagColumn(ids: readonly number[]): string | null {
  return ids.length === 0 ? null : `[${ids.join()}]`;
}

const EMPTY = Buffer.alloc(0);
