import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { FRAME_HEADER_BYTES, frameEnd, isIntact, positionOf } from '../frame.ts';
import { StoredRow } from './stored-row.ts';

/** Rows of one fetch. Their frames come as one buffer, which is much quicker than one by one. */
export const MAX_BATCH = 128;
/** Frames above this size are fetched singly, so that a fetch holds at most `MAX_BATCH` times this. */
const LARGE_BYTES = 32 * 1024;
/** Of so many fetches the size of events is remembered. */
const MEMORY = 8;

type Fetched = readonly [frames: Uint8Array | null];

// In place of a large frame there is where it is: no bytes of a record, and its position in so many digits. SQLite knows the
// length of a blob without reading it, and no part of it.
const DIGITS = 16;
const MARK_BYTES = 4 + DIGITS;
const FRAME = `CASE WHEN length(e.frame) <= ${LARGE_BYTES} THEN e.frame
  ELSE char(0, 0, 0, 0) || printf('%0${DIGITS}d', e.position) END`;

/**
 * An aggregate makes one value of many rows: the price of what crosses into JavaScript is what a read costs. It takes them as
 * they come (https://www.sqlite.org/lang_aggfunc.html#group_concat): frames in another order would be noticed.
 */
const inOneBuffer = (rows: string): string =>
  `SELECT CAST(group_concat(frame, '') AS BLOB) FROM (SELECT ${FRAME} AS frame ${rows})`;

/** Which way, and how much of it. */
export interface Fetch {
  readonly isForwards: boolean;
  /** The fetch ends with the event whose frame reaches this many bytes. */
  readonly maxBytes: number;
}

const ALL: Fetch = { isForwards: true, maxBytes: Number.POSITIVE_INFINITY };

/** What a fetch asked for. */
interface Wanted {
  readonly count: number;
  /** Position of the event at `index`, in order of the read; null: not known before it is there. */
  positionAt(index: number): number | null;
  /** Whether the event that came at `index` is the one. */
  isRight(row: StoredRow, index: number): boolean;
  /** What it means if it is not, or none came. */
  lost(index: number): Error;
}

/** Of one way and of the other. */
interface Both {
  readonly up: Statement<Fetched>;
  readonly down: Statement<Fetched>;
}

/**
 * Fetches events, in the order of the read and up to `MAX_BATCH` at a time. Each is verified: its checksum, and that it is
 * the one that was asked for. All methods throw `store_damaged`.
 */
export class EventRows {
  readonly #file: string;
  readonly #range: Both;
  readonly #ofStream: Both;
  readonly #list: Statement<Fetched>;
  readonly #large: Statement<readonly [Uint8Array]>;
  #meanBytes = 0;

  constructor(db: Database) {
    this.#file = db.file;
    const both = (rows: string, key: string): Both => ({
      up: db.prepareRows(inOneBuffer(`${rows} ORDER BY ${key}`)),
      down: db.prepareRows(inOneBuffer(`${rows} ORDER BY ${key} DESC`)),
    });
    this.#range = both('FROM events e WHERE e.position BETWEEN ? AND ?', 'e.position');
    // `CROSS JOIN` keeps the order of the loops.
    this.#ofStream = both(
      `FROM stream_index s CROSS JOIN events e ON e.position = s.position
       WHERE s.stream = ? AND s.version BETWEEN ? AND ?`,
      's.version',
    );
    this.#list = db.prepareRows(inOneBuffer('FROM json_each(?) j CROSS JOIN events e ON e.position = j.value'));
    this.#large = db.prepareRows('SELECT frame FROM events WHERE position = ?');
  }

  /** @returns the events at `from` to `to`, both inclusive */
  range(from: number, to: number, fetch: Fetch): StoredRow[] {
    const { isForwards, maxBytes } = fetch;
    const at = (index: number): number => (isForwards ? from + index : to - index);
    return this.#take((isForwards ? this.#range.up : this.#range.down).get(from, to), maxBytes, {
      count: to - from + 1,
      positionAt: at,
      isRight: ({ position }, index) => position === at(index),
      lost: (index) => this.#lost(at(index)),
    });
  }

  /** @returns the events of a stream at versions `from` to `to`, both inclusive and indexed */
  ofStream(stream: number, from: number, to: number, { isForwards, maxBytes }: Fetch): StoredRow[] {
    const at = (index: number): number => (isForwards ? from + index : to - index);
    return this.#take((isForwards ? this.#ofStream.up : this.#ofStream.down).get(stream, from, to), maxBytes, {
      count: to - from + 1,
      positionAt: () => null,
      isRight: (row, index) => row.stream === stream && row.version === at(index),
      lost: (index) => damaged(this.#file, `version ${at(index)} of a stream is lost`),
    });
  }

  /** @param positions in order of the read */
  at(positions: readonly number[], { maxBytes }: Pick<Fetch, 'maxBytes'>): StoredRow[] {
    const [only] = positions;
    if (only === undefined) return [];
    if (positions.length === 1) return this.range(only, only, ALL);
    return this.#take(this.#list.get(JSON.stringify(positions)), maxBytes, {
      count: positions.length,
      positionAt: (index) => positions[index]!,
      isRight: ({ position }, index) => position === positions[index],
      lost: (index) => this.#lost(positions[index]!),
    });
  }

  one(position: number): StoredRow {
    return this.range(position, position, ALL)[0]!;
  }

  /** @returns how many of `most` events are worth fetching for so many bytes, going by those that were fetched before */
  fit(most: number, maxBytes: number): number {
    return Math.max(1, Math.min(most, MAX_BATCH, Math.ceil(maxBytes / this.#meanBytes) + 1));
  }

  #take(fetched: Fetched | undefined, maxBytes: number, wanted: Wanted): StoredRow[] {
    const frames = fetched?.[0] ?? EMPTY;
    const buffer = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength);
    const rows: StoredRow[] = [];
    let at = 0;
    let bytes = 0;
    while (rows.length < wanted.count && bytes < maxBytes) {
      const row = this.#next(buffer, at, rows.length, wanted);
      if (!wanted.isRight(row, rows.length)) throw wanted.lost(rows.length);
      rows.push(row);
      at = row.buffer === buffer ? row.end : at + MARK_BYTES;
      bytes += row.bytes;
    }
    if (rows.length === wanted.count && at !== buffer.length) throw this.#changed(rows.at(-1)!.position);
    if (rows.length > 0) this.#meanBytes += (bytes / rows.length - this.#meanBytes) / MEMORY;
    return rows;
  }

  #next(buffer: Buffer, at: number, index: number, wanted: Wanted): StoredRow {
    if (at >= buffer.length) throw wanted.lost(index);
    if (at + MARK_BYTES <= buffer.length && buffer.readUInt32LE(at) === 0) {
      return this.#largeRow(Number(buffer.toString('latin1', at + 4, at + MARK_BYTES)));
    }
    if (at + FRAME_HEADER_BYTES > buffer.length) throw this.#changed(wanted.positionAt(index));
    const end = frameEnd(buffer, at);
    if (!isIntact(buffer, at, end)) throw this.#changed(wanted.positionAt(index) ?? positionOf(buffer, at));
    return new StoredRow(buffer, at, end);
  }

  #largeRow(position: number): StoredRow {
    const frame = Number.isSafeInteger(position) ? this.#large.get(position)?.[0] : undefined;
    if (!(frame instanceof Uint8Array)) throw this.#changed(position);
    const buffer = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    if (!isIntact(buffer, 0, buffer.length)) throw this.#changed(position);
    return new StoredRow(buffer, 0, buffer.length);
  }

  #changed(position: number | null): Error {
    const known = position !== null && Number.isSafeInteger(position) ? position : null;
    return damaged(this.#file, 'a row differs from its checksum', known);
  }

  #lost(position: number): Error {
    return damaged(this.#file, 'an event is lost', position);
  }
}

const EMPTY = new Uint8Array(0);
