import type { Database, Statement } from '../../lib/sqlite/database.ts';
import { rowChecksum } from './checksum.ts';
import { Deleted } from './heads.ts';
import type { Meta } from './meta.ts';
import type { StoreView } from './read-view.ts';
import type { Faults } from './verify-faults.ts';

/** What one slice may look at: rows, entries that were counted for them, and KiB of them. */
const SLICE = 20_000;

/** Each with its columns but the checksum, which stands beside them. */
const COLUMNS = {
  meta: ['key', 'value'],
  streams: ['id', 'name', 'version', 'first', 'deleted', 'created', 'written'],
  types: ['id', 'name', 'count'],
  tags: ['id', 'name', 'count'],
  snapshots: ['stream', 'version', 'time', 'data', 'metadata'],
  subscriptions: ['name', 'definition', 'state', 'checkpoint', 'created'],
  parked: ['subscription', 'position', 'reason', 'attempts', 'time'],
  deletes: ['n', 'request', 'outcome'],
} as const;
type Table = keyof typeof COLUMNS;

/**
 * By which a table is gone through: its first column, if that is a number, so that a slice begins without looking at the rows
 * before. Tables with names for keys are small, and counted through.
 */
const NUMBERED: ReadonlySet<Table> = new Set(['streams', 'types', 'tags', 'snapshots', 'deletes']);

/** For SQLite's own check. */
const STRUCTURES = [
  ...['events', 'stream_index', 'type_index', 'tag_index', 'id_index', 'correlation_index', 'causation_index'],
  ...Object.keys(COLUMNS),
];

/** How many entries there should be, per index: of all that are indexed, or as many as `tags` says. */
const TOTALS = [
  ['stream_index', 'SELECT count(*) FROM stream_index', true],
  ['type_index', 'SELECT count(*) FROM type_index', true],
  ['tag_index', 'SELECT count(*) - (SELECT ifnull(sum(count), 0) FROM tags) FROM tag_index', false],
  ['id_index', 'SELECT count(*) FROM id_index', true],
] as const;

/** Entries that lead to an event that does not have what they say, per index whose entries nothing counts. */
const STRAYED = {
  correlation_index: 'correlation',
  causation_index: 'causation',
} as const;

type Columns = readonly (string | number | null)[];
type Range = readonly [count: number, first: number | null, last: number | null];
type Step = (view: StoreView, place: number, faults: Faults) => number | null;

/** Places within a step are below this. */
const PLACES = 2 ** 40;

/** Compares the tables other than `events` with each other, step by step; each step in slices. */
export class TablesCheck {
  readonly #db: Database;
  readonly #meta: Meta;
  readonly #steps: readonly Step[];
  readonly #rows: Record<Table, Statement<Columns>>;
  readonly #ofStream: Statement<Range>;
  readonly #ofType: Statement<Range>;
  readonly #ofTag: Statement<Range>;
  #streams = 0;

  constructor(db: Database, meta: Meta) {
    this.#db = db;
    this.#meta = meta;
    const rows = Object.entries(COLUMNS).map(([table, columns]) => {
      const [key] = columns;
      const rest = NUMBERED.has(table as Table) ? `WHERE ${key} > ? ORDER BY ${key}` : 'LIMIT -1 OFFSET ?';
      const sql = `SELECT ${columns.join(', ')}, checksum FROM ${table} ${rest}`;
      return [table, db.prepareRows<Columns>(sql)] as const;
    });
    this.#rows = Object.fromEntries(rows) as Record<Table, Statement<Columns>>;
    const range = (table: string, key: string, n: string): Statement<Range> =>
      db.prepareRows(`SELECT count(*), min(${n}), max(${n}) FROM ${table} WHERE ${key} = ?`);
    this.#ofStream = range('stream_index', 'stream', 'version');
    this.#ofType = range('type_index', 'type', 'n');
    this.#ofTag = range('tag_index', 'tag', 'n');
    this.#steps = [
      ...STRUCTURES.map(
        (table): Step =>
          (_, __, faults) =>
            this.#structure(table, faults),
      ),
      ...(Object.keys(COLUMNS) as Table[]).map(
        (table): Step =>
          (_, place, faults) =>
            this.#table(table, place, faults),
      ),
      ...TOTALS.map(
        ([table, sql, isOfIndexed]): Step =>
          ({ indexed }, _, faults) =>
            this.#total(table, sql, isOfIndexed ? indexed + 1 : 0, faults),
      ),
      ...Object.entries(STRAYED).map(
        ([table, column]): Step =>
          (view, _, faults) =>
            this.#strayed(table, column, view, faults),
      ),
      (_, __, faults) => this.#existing(faults),
    ];
  }

  /** @param from 0, or where the slice before said that it goes on */
  check(view: StoreView, from: number, faults: Faults): { streams: number; next: number | null } {
    const step = Math.floor(from / PLACES);
    this.#streams = 0;
    const place = this.#steps[step]?.(view, from % PLACES, faults) ?? null;
    const isLast = step + 1 >= this.#steps.length;
    const next = place !== null ? step * PLACES + place : isLast ? null : (step + 1) * PLACES;
    return { streams: this.#streams, next };
  }

  /** SQLite's own look at the pages of one table and its indexes. Takes its time in a large store. */
  #structure(table: string, faults: Faults): null {
    const sql = `PRAGMA integrity_check(${table})`;
    const said = faults.collect(table, () => this.#db.prepareRows<readonly [string]>(sql).all()) ?? [];
    for (const [problem] of said) if (problem !== 'ok') faults.add(table, problem);
    return null;
  }

  /** @returns where the table goes on: after the row with that number, or after so many rows */
  #table(table: Table, place: number, faults: Faults): number | null {
    return faults.collect(table, () => this.#rowsOf(table, place, faults)) ?? null;
  }

  #rowsOf(table: Table, from: number, faults: Faults): number | null {
    const isNumbered = NUMBERED.has(table);
    let place = from;
    let work = 0;
    // A damaged number may be below 0.
    for (const row of this.#rows[table].iterate(isNumbered && from === 0 ? Number.MIN_SAFE_INTEGER : from)) {
      const number = isNumbered ? Number(row[0]) : place + 1;
      // Between two numbers: all snapshots of a stream are of one slice.
      if (work >= SLICE && number !== place && place > 0) return place < PLACES ? place : null;
      work += 1 + this.#row(table, row, place, faults);
      place = number;
    }
    return null;
  }

  /** @returns what it cost */
  #row(table: Table, row: Columns, before: number, faults: Faults): number {
    const columns = row.slice(0, -1);
    if (rowChecksum(table, ...columns) !== row.at(-1)) {
      faults.add(table, `row ${String(columns[0])} differs from its checksum`);
    } else if (table === 'streams') return this.#stream(columns, before, faults);
    else if (table === 'types') return this.#name('types', 'type_index', this.#ofType, columns, before, faults);
    else if (table === 'tags') return this.#name('tags', 'tag_index', this.#ofTag, columns, before, faults);
    return kibOf(columns);
  }

  #stream([id, name, version]: Columns, before: number, faults: Faults): number {
    this.#streams++;
    if (id !== before + 1) faults.add('streams', `the row before ${String(name)} is lost`);
    const last = Number(version);
    return this.#entries('stream_index', this.#ofStream, Number(id), last + 1, String(name), faults);
  }

  #name(
    table: Table,
    index: string,
    statement: Statement<Range>,
    [id, name, count]: Columns,
    before: number,
    faults: Faults,
  ): number {
    if (id !== before + 1) faults.add(table, `the row before ${String(name)} is lost`);
    return this.#entries(index, statement, Number(id), Number(count), String(name), faults);
  }

  /** As many as the row says, numbered from 0. @returns how many were counted */
  #entries(
    where: string,
    statement: Statement<Range>,
    id: number,
    wanted: number,
    name: string,
    faults: Faults,
  ): number {
    const [count, first, last] = faults.collect(where, () => statement.get(id)!) ?? [wanted, 0, wanted - 1];
    const isWhole = count === wanted && (wanted === 0 || (first === 0 && last === wanted - 1));
    if (!isWhole) faults.add(where, `${name} has ${count} entries where ${wanted} should be`);
    return count;
  }

  /** What no row says by itself: entries without an event. */
  #total(table: string, sql: string, wanted: number, faults: Faults): null {
    const count = this.#count(table, sql, faults);
    if (count !== null && count !== wanted) faults.add(table, `it has ${count - wanted} entries too many`);
    return null;
  }

  #strayed(table: string, column: string, { indexed }: StoreView, faults: Faults): null {
    const sql = `SELECT count(*) FROM ${table} i LEFT JOIN events e ON e.position = i.position
      WHERE e.${column} IS NOT i.${column} OR i.position > ${indexed}`;
    const strayed = this.#count(table, sql, faults) ?? 0;
    if (strayed > 0) faults.add(table, `${strayed} entries lead to other events`);
    return null;
  }

  #existing(faults: Faults): null {
    const sql = `SELECT count(*) FROM streams WHERE deleted = ${Deleted.No}`;
    const count = this.#count('streams', sql, faults);
    const said = faults.collect('meta', () => this.#meta.number('streams'));
    if (count !== null && said !== undefined && count !== said) {
      faults.add('streams', `${count} streams exist where ${said} should`);
    }
    const id = faults.collect('meta', () => this.#meta.id);
    if (id === null) faults.add('meta', 'the id of the store is lost');
    return null;
  }

  #count(where: string, sql: string, faults: Faults): number | null {
    return faults.collect(where, () => this.#db.prepareRows<readonly [number]>(sql).get()![0]) ?? null;
  }
}

/** Of the texts in it. */
function kibOf(columns: Columns): number {
  let length = 0;
  for (const column of columns) if (typeof column === 'string') length += column.length;
  return Math.floor(length / 1024);
}
