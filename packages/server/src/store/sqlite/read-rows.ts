import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { readUuid, UUID_BYTES } from '../../lib/uuid.ts';
import { Has, RECORD_FIXED_BYTES, RECORD_ID_OFFSET } from '../record.ts';
import { RecordedEvent } from '../recorded-event.ts';
import { causeId } from './cause-id.ts';
import { eventChecksum } from './checksum.ts';

/** Rows of one fetch. Their records come as one buffer, which is much quicker than one by one. */
export const MAX_BATCH = 128;
/** Records above this size are fetched singly, so that a fetch holds at most `MAX_BATCH` times this. */
const LARGE_BYTES = 32 * 1024;

/** Columns of a row, in the order of `CELLS`. Correlation and cause are taken from the record, which says the same. */
type Cells = readonly [
  position: number,
  stream: number,
  version: number,
  part: number,
  type: number,
  timeUs: number,
  checksum: number,
  bytes: number,
  tags: string | null,
];
type Fetched = readonly [cells: string, records: Uint8Array | null];

const CELLS = 'e.position, e.stream, e.version, e.part, e.type, e.time, e.checksum, length(e.record), e.tags';
// An aggregate makes one row of many: the price of a value that crosses into JavaScript is what a read costs.
// `CROSS JOIN` keeps the order of the loops; rows that came in another order would be noticed.
const SELECT = `
  SELECT json_group_array(json_array(${CELLS})),
    CAST(group_concat(CASE WHEN length(e.record) <= ${LARGE_BYTES} THEN e.record END, '') AS BLOB)`;

const NO_TAGS: readonly number[] = [];

/** An event as it lies in the file, verified against its checksum. */
export class StoredRow {
  readonly position: number;
  /** Row ids of stream and type. */
  readonly stream: number;
  readonly version: number;
  readonly type: number;
  readonly timeUs: number;
  readonly correlation: string | null;
  /** As in `causeId`. */
  readonly causation: string | null;
  /** A view. */
  readonly record: Buffer;
  readonly #tags: string | null;
  #tagIds: readonly number[] | null = null;

  constructor(cells: Cells, correlation: string | null, causation: string | null, record: Buffer) {
    this.position = cells[0];
    this.stream = cells[1];
    this.version = cells[2];
    this.type = cells[4];
    this.timeUs = cells[5];
    this.correlation = correlation;
    this.causation = causation;
    this.record = record;
    this.#tags = cells[8];
  }

  get event(): RecordedEvent {
    return new RecordedEvent(this.record, 0, this.record.length, this.position, this.version, this.timeUs);
  }

  get id(): string {
    return readUuid(this.record, RECORD_ID_OFFSET);
  }

  hasId(id: Uint8Array): boolean {
    return this.record.subarray(RECORD_ID_OFFSET, RECORD_ID_OFFSET + UUID_BYTES).equals(id);
  }

  /** Row ids. */
  get tagIds(): readonly number[] {
    this.#tagIds ??= this.#tags === null ? NO_TAGS : (JSON.parse(this.#tags) as number[]);
    return this.#tagIds;
  }
}

/** Which way, and how much of it. */
export interface Fetch {
  readonly isForwards: boolean;
  /** The fetch ends with the event whose record reaches this many bytes. */
  readonly maxBytes: number;
}

const ALL: Fetch = { isForwards: true, maxBytes: Number.POSITIVE_INFINITY };

/**
 * Fetches events, in the order of the read and up to `MAX_BATCH` at a time. Each is verified: its checksum, and that it is
 * the one that was asked for. All methods throw `store_damaged`.
 */
export class EventRows {
  readonly #file: string;
  readonly #range: Statement<Fetched>;
  readonly #ofStream: Statement<Fetched>;
  readonly #list: Statement<Fetched>;
  readonly #large: Statement<readonly [Uint8Array]>;

  constructor(db: Database) {
    this.#file = db.file;
    this.#range = db.prepareRows(`${SELECT} FROM events e WHERE e.position BETWEEN ? AND ?`);
    this.#ofStream = db.prepareRows(
      `${SELECT} FROM stream_index s CROSS JOIN events e ON e.position = s.position
       WHERE s.stream = ? AND s.version BETWEEN ? AND ?`,
    );
    this.#list = db.prepareRows(`${SELECT} FROM json_each(?) j CROSS JOIN events e ON e.position = j.value`);
    this.#large = db.prepareRows('SELECT record FROM events WHERE position = ?');
  }

  /** @returns the events at `from` to `to`, both inclusive */
  range(from: number, to: number, fetch: Fetch): StoredRow[] {
    const [text, records] = this.#range.get(from, to)!;
    const all = this.#parse(text);
    for (let i = 0; i <= to - from; i++) if (all[i]?.[0] !== from + i) throw this.#lost(from + i);
    return this.#rows(all, records, fetch);
  }

  /** @returns the events of a stream at versions `from` to `to`, both inclusive and indexed */
  ofStream(stream: number, from: number, to: number, fetch: Fetch): StoredRow[] {
    const [text, records] = this.#ofStream.get(stream, from, to)!;
    const all = this.#parse(text);
    for (let i = 0; i <= to - from; i++) {
      const cells = all[i];
      if (cells === undefined) throw damaged(this.#file, `version ${from + i} of a stream is lost`);
      if (cells[1] !== stream || cells[2] !== from + i) throw this.#changed(cells);
    }
    return this.#rows(all, records, fetch);
  }

  /** @param positions in order of the read */
  at(positions: readonly number[], { maxBytes }: Pick<Fetch, 'maxBytes'>): StoredRow[] {
    const [only] = positions;
    if (only === undefined) return [];
    if (positions.length === 1) return this.range(only, only, ALL);
    const [text, records] = this.#list.get(JSON.stringify(positions))!;
    const all = this.#parse(text);
    for (let i = 0; i < positions.length; i++) {
      if (all[i]?.[0] !== positions[i]) throw this.#lost(positions[i]!);
    }
    return this.#rows(all, records, { isForwards: true, maxBytes });
  }

  one(position: number): StoredRow {
    return this.range(position, position, ALL)[0]!;
  }

  /** @param all in ascending order */
  #rows(all: readonly Cells[], records: Uint8Array | null, { isForwards, maxBytes }: Fetch): StoredRow[] {
    const buffer = records === null ? EMPTY : Buffer.from(records.buffer, records.byteOffset, records.byteLength);
    const rows: StoredRow[] = [];
    let at = isForwards ? 0 : buffer.length;
    let bytes = 0;
    for (let i = 0; i < all.length && bytes < maxBytes; i++) {
      const cells = all[isForwards ? i : all.length - 1 - i]!;
      const size = cells[7];
      bytes += size;
      if (size > LARGE_BYTES) {
        rows.push(this.#largeRow(cells));
        continue;
      }
      const start = isForwards ? at : at - size;
      rows.push(this.#verified(cells, buffer, start, start + size));
      at = isForwards ? at + size : start;
    }
    return rows;
  }

  #parse(text: string): Cells[] {
    try {
      return JSON.parse(text) as Cells[];
    } catch {
      throw damaged(this.#file, 'a row holds what nobody has written');
    }
  }

  #largeRow(cells: Cells): StoredRow {
    const record = this.#large.get(cells[0])?.[0];
    if (!(record instanceof Uint8Array)) throw this.#changed(cells);
    const buffer = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
    return this.#verified(cells, buffer, 0, buffer.length);
  }

  #verified(cells: Cells, buffer: Buffer, start: number, end: number): StoredRow {
    // Sizes of damaged rows may be anything.
    if (!(start >= 0 && end - start >= RECORD_FIXED_BYTES && end <= buffer.length)) throw this.#changed(cells);
    const record = buffer.subarray(start, end);
    let correlation: string | null = null;
    let causation: string | null = null;
    if ((record[1]! & (Has.CorrelationId | Has.CausationId)) !== 0) {
      const event = new RecordedEvent(record, 0, record.length, 0, 0, 0);
      correlation = event.correlationId;
      causation = event.causationId === null ? null : causeId(event.causationId);
    }
    const [position, stream, version, part, type, timeUs, checksum, , tags] = cells;
    const actual = eventChecksum(position, stream, version, part, type, timeUs, tags, correlation, causation, record);
    if (actual !== checksum) throw this.#changed(cells);
    return new StoredRow(cells, correlation, causation, record);
  }

  #changed([position]: Cells): Error {
    return damaged(this.#file, 'a row differs from its checksum', Number.isSafeInteger(position) ? position : null);
  }

  #lost(position: number): Error {
    return damaged(this.#file, 'an event is lost', position);
  }
}

const EMPTY = Buffer.alloc(0);
