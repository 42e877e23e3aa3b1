import type { Database, Statement } from '../../lib/sqlite/database.ts';
import { RECORD_LAYOUT } from '../record.ts';
import { entrySumSql } from './entry-sum.ts';
import { agrees, COLUMN_DIFFERS, EVENT_COLUMNS, type EventColumns } from './event-row.ts';
import { EventRows, MAX_BATCH } from './read-rows.ts';
import type { StoreView } from './read-view.ts';
import { EVENT_ID } from './schema.ts';
import type { StoredRow } from './stored-row.ts';
import { Faults } from './verify-faults.ts';

const SLICE = 4096;
const FETCH_BYTES = 4 * 1024 * 1024;
/** A slice ends after the fetch that reaches this: large events make short slices. */
const SLICE_BYTES = 8 * 1024 * 1024;
const WHERE = 'events';

type Name = readonly [name: string];
type Position = readonly [position: number];

/** For events of a range of positions that are indexed: those whose entry is not there, per index. */
const MISSING: Readonly<Record<string, string>> = {
  stream_index: `NOT EXISTS (SELECT 1 FROM stream_index i
    WHERE i.stream = e.stream AND i.version = e.version AND i.position = e.position
      AND i.sum = ${entrySumSql('i.stream', 'i.position', 'i.version')})`,
  type_index: `NOT EXISTS (SELECT 1 FROM type_index i WHERE i.type = e.type AND i.position = e.position
    AND i.sum = ${entrySumSql('i.type', 'i.position', 'i.n')})`,
  tag_index: `e.tags IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(e.tags) j
    WHERE NOT EXISTS (SELECT 1 FROM tag_index i WHERE i.tag = j.value AND i.position = e.position
      AND i.sum = ${entrySumSql('i.tag', 'i.position', 'i.n')}))`,
  id_index: `NOT EXISTS (SELECT 1 FROM id_index i WHERE i.id = ${EVENT_ID} AND i.position = e.position)`,
  correlation_index: `e.correlation IS NOT NULL AND NOT EXISTS (SELECT 1 FROM correlation_index i
    WHERE i.correlation = e.correlation AND i.position = e.position)`,
  causation_index: `e.causation IS NOT NULL AND NOT EXISTS (SELECT 1 FROM causation_index i
    WHERE i.causation = e.causation AND i.position = e.position)`,
};
/** Those that do not follow the version before. */
const GAP = `e.version > 0 AND NOT EXISTS (SELECT 1 FROM stream_index i
  WHERE i.stream = e.stream AND i.version = e.version - 1 AND i.position < e.position)`;

/** Compares events with their records, with each other and with the indexes. */
export class EventsCheck {
  readonly #rows: EventRows;
  readonly #names: Record<'streams' | 'types' | 'tags', Statement<Name>>;
  readonly #missing: readonly (readonly [where: string, Statement<Position>])[];
  readonly #gaps: Statement<Position>;
  readonly #columns: Statement<EventColumns>;

  constructor(db: Database) {
    this.#rows = new EventRows(db);
    const name = (table: string): Statement<Name> => db.prepareRows(`SELECT name FROM ${table} WHERE id = ?`);
    this.#names = { streams: name('streams'), types: name('types'), tags: name('tags') };
    const select = (condition: string): Statement<Position> =>
      db.prepareRows(`SELECT e.position FROM events e WHERE e.position BETWEEN ? AND ? AND ${condition} LIMIT 100`);
    this.#missing = Object.entries(MISSING).map(([where, condition]) => [where, select(condition)] as const);
    this.#gaps = select(GAP);
    this.#columns = db.prepareRows(
      `SELECT ${EVENT_COLUMNS} FROM events WHERE position BETWEEN ? AND ? ORDER BY position`,
    );
  }

  /** @returns where the next slice begins, or null */
  check(view: StoreView, from: number, faults: Faults): number | null {
    const most = Math.min(from + SLICE - 1, view.lastPosition);
    if (most < from) return null;
    const to = this.#checkRows(from, most, faults);
    this.#checkIndexes(from, Math.min(to, view.indexed), faults);
    return to < view.lastPosition ? to + 1 : null;
  }

  /** @returns the last position that it looked at */
  #checkRows(from: number, to: number, faults: Faults): number {
    let bytes = 0;
    const names = new KnownNames(this.#names);
    let timeUs = from === 0 ? 0 : (faults.collect(WHERE, () => this.#rows.one(from - 1).timeUs) ?? 0);
    for (let at = from; at <= to; ) {
      const last = Math.min(at + MAX_BATCH - 1, to);
      const rows = this.#tryRange(at, last) ?? this.#oneByOne(at, last, faults);
      for (const row of rows) {
        if (row.timeUs < timeUs) faults.add(WHERE, 'its time is before that of the event before', row.position);
        timeUs = row.timeUs;
        bytes += row.bytes;
        checkRecord(row, names, faults);
      }
      this.#checkColumns(rows, faults);
      at = (rows.at(-1)?.position ?? last) + 1;
      if (bytes >= SLICE_BYTES) return at - 1;
    }
    return to;
  }

  /** @param rows in ascending order */
  #checkColumns(rows: readonly StoredRow[], faults: Faults): void {
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return;
    const all = faults.collect(WHERE, () => this.#columns.all(first.position, last.position)) ?? [];
    const columns = new Map(all.map((one) => [one[0], one] as const));
    for (const row of rows) {
      const one = columns.get(row.position);
      if (one === undefined) faults.add(WHERE, 'an event is lost', row.position);
      else if (!agrees(row, one)) faults.add(WHERE, COLUMN_DIFFERS, row.position);
    }
  }

  /** @returns null if something is wrong with them */
  #tryRange(from: number, to: number): StoredRow[] | null {
    const tried = new Faults();
    return tried.collect(WHERE, () => this.#rows.range(from, to, { isForwards: true, maxBytes: FETCH_BYTES })) ?? null;
  }

  /** Where one row is damaged, those beside it are still looked at. */
  #oneByOne(from: number, to: number, faults: Faults): StoredRow[] {
    const rows: StoredRow[] = [];
    for (let position = from; position <= to; position++) {
      const row = faults.collect(WHERE, () => this.#rows.one(position));
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #checkIndexes(from: number, to: number, faults: Faults): void {
    if (to < from) return;
    for (const [where, missing] of this.#missing) {
      for (const [position] of faults.collect(where, () => missing.all(from, to)) ?? []) {
        faults.add(where, 'the entry of an event is lost or changed', position);
      }
    }
    for (const [position] of faults.collect('stream_index', () => this.#gaps.all(from, to)) ?? []) {
      faults.add('stream_index', 'a version does not follow the one before', position);
    }
  }
}

type Table = 'streams' | 'types' | 'tags';

/** Names by row id, fetched once per slice. */
class KnownNames {
  readonly #statements: Record<Table, Statement<Name>>;
  readonly #known = {
    streams: new Map<number, string>(),
    types: new Map<number, string>(),
    tags: new Map<number, string>(),
  };

  constructor(statements: Record<Table, Statement<Name>>) {
    this.#statements = statements;
  }

  /** @returns undefined: there is no such row */
  of(table: Table, id: number): string | undefined {
    const known = this.#known[table];
    let name = known.get(id);
    if (name === undefined) {
      name = this.#statements[table].get(id)?.[0];
      if (name !== undefined) known.set(id, name);
    }
    return name;
  }
}

/** A record says the same as the rows that its frame names. */
function checkRecord(row: StoredRow, names: KnownNames, faults: Faults): void {
  const differs = (what: string): void =>
    faults.add(WHERE, `${what} in the record is not that of the row`, row.position);
  if (row.record[0] !== RECORD_LAYOUT) {
    faults.add(WHERE, 'its record has an unknown layout', row.position);
    return;
  }
  const { event } = row;
  const tags = row.tagIds.map((id) => names.of('tags', id));
  if (names.of('streams', row.stream) !== event.stream) differs('the stream');
  if (names.of('types', row.type) !== event.type) differs('the type');
  if (tags.length !== event.tags.length || tags.some((tag, i) => tag !== event.tags[i])) differs('a tag');
}
