import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { NameListing } from '../operations.ts';
import type { NameCount, NamePage } from '../reads.ts';
import { rowChecksum } from './checksum.ts';
import type { TailRows } from './read-tail.ts';
import type { StoreView } from './read-view.ts';

/** Asked before anyone is told that something is not there: a damaged index can hide it. @throws store_damaged */
export type BelieveAbsence = () => void;

/** A type or a tag: its row id, and the number of its entries in the index. */
export interface NameRow {
  readonly id: number;
  readonly name: string;
  readonly count: number;
}

type Row = readonly [id: number, name: string, count: number, checksum: number];

const COLUMNS = 'id, name, count, checksum';

/** Types or tags by name. All methods throw `store_damaged`. */
export class Names {
  readonly #file: string;
  readonly #table: 'types' | 'tags';
  readonly #believe: BelieveAbsence;
  readonly #find: Statement<Row>;
  readonly #before: Statement<Row>;
  readonly #after: Statement<Row>;
  readonly #from: Statement<Row>;
  readonly #tail: TailRows;

  constructor(db: Database, table: 'types' | 'tags', tail: TailRows, believe: BelieveAbsence) {
    this.#file = db.file;
    this.#table = table;
    this.#believe = believe;
    this.#find = db.prepareRows(`SELECT ${COLUMNS} FROM ${table} WHERE name = ?`);
    this.#before = db.prepareRows(`SELECT ${COLUMNS} FROM ${table} WHERE name < ? ORDER BY name DESC LIMIT 1`);
    this.#after = db.prepareRows(`SELECT ${COLUMNS} FROM ${table} WHERE name > ? ORDER BY name LIMIT ?`);
    this.#from = db.prepareRows(`SELECT ${COLUMNS} FROM ${table} WHERE name >= ? ORDER BY name LIMIT ?`);
    this.#tail = tail;
  }

  /** @returns null: no event has it */
  find(name: string): NameRow | null {
    const row = this.#find.get(name);
    if (row !== undefined) {
      const found = this.#verified(row);
      if (found.name === name) return found;
      throw damaged(this.#file, `an entry of the index of ${this.#table} leads to another name`);
    }
    // A key on the way that has changed leads astray, and lies next to where it led.
    for (const neighbour of [this.#before.get(name), this.#after.get(name, 1)]) {
      if (neighbour !== undefined) this.#verified(neighbour);
    }
    this.#believe();
    return null;
  }

  /** @returns those that begin with `prefix`, or null if there are more than `most` */
  withPrefix(prefix: string, most: number): NameRow[] | null {
    this.#believe();
    const rows = this.#from.all(prefix, most + 1).map((row) => this.#verified(row));
    const found = rows.filter(({ name }) => name.startsWith(prefix));
    return found.length > most ? null : found;
  }

  /** One page, with the events of the tail counted in. */
  list(view: StoreView, { prefix, after, limit }: NameListing): NamePage<NameCount> {
    this.#believe();
    const rows = this.#page(prefix, after, limit + 1);
    const shown = rows.slice(0, limit);
    const tail = new Map<number, number>();
    for (const row of shown.length > 0 ? this.#tail.all(view) : []) {
      for (const id of this.#table === 'types' ? [row.type] : row.tagIds) tail.set(id, (tail.get(id) ?? 0) + 1);
    }
    const items = shown.map(({ id, name, count }) => ({ name, count: count + (tail.get(id) ?? 0) }));
    return { items, next: rows.length > limit ? (shown.at(-1)?.name ?? null) : null };
  }

  #page(prefix: string, after: string | null, most: number): NameRow[] {
    const isAfter = after !== null && isAtOrAfter(after, prefix);
    const rows = isAfter ? this.#after.all(after, most) : this.#from.all(prefix, most);
    return rows.map((row) => this.#verified(row)).filter(({ name }) => name.startsWith(prefix));
  }

  #verified([id, name, count, checksum]: Row): NameRow {
    if (rowChecksum(this.#table, id, name, count) === checksum) return { id, name, count };
    throw damaged(this.#file, `a row of ${this.#table} differs from its checksum`);
  }
}

/** In the order of names in an index: by the bytes of their UTF-8. */
export function isAtOrAfter(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) >= 0;
}
