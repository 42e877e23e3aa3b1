import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { entrySum } from './entry-sum.ts';
import type { NameEntry } from './name-table.ts';
import type { Tail } from './tail.ts';

/** An item of a query, with the entries of its names. */
export interface Item {
  readonly types: readonly NameEntry[];
  readonly tags: readonly NameEntry[];
  /** Whether any type will do. */
  readonly anyType: boolean;
}

export type IndexTable = 'type_index' | 'tag_index';

/** Positions that are looked through: after the first, up to the second. */
export interface Span {
  readonly after: number;
  readonly upTo: number;
}

/** A walk along the entries of a name within a span. */
export interface Walk {
  readonly table: IndexTable;
  readonly entry: NameEntry;
  /** Position of the first one; null: there are none. */
  readonly first: number | null;
  /** How many there are. */
  readonly length: number;
}

const COLUMN = { type_index: 'type', tag_index: 'tag' } as const;
/** Whether the event `e` has what the entry `a` says. */
const IS_RIGHT = {
  type_index: 'e.type = a.type',
  tag_index: 'EXISTS (SELECT 1 FROM json_each(e.tags) j WHERE j.value = a.tag)',
} as const;

/** Whether the event `e` has all tags of `?3`; and by its entries one of the types of `?4`, if that is not null. */
const MATCHES = `NOT EXISTS (
    SELECT 1 FROM json_each(?3) w WHERE NOT EXISTS (SELECT 1 FROM json_each(e.tags) j WHERE j.value = w.value)
  ) AND (?4 IS NULL OR EXISTS (
    SELECT 1 FROM json_each(?4) w JOIN type_index t ON t.type = w.value AND t.position = e.position
  ))`;

type NumberedEntry = readonly [position: number, n: number, sum: number];

/** What is asked of one index table about a name's entries after some position. */
interface Asks {
  readonly next: Statement<NumberedEntry>;
  /** The last two entries that are not after it, the last one first. */
  readonly previous: Statement<readonly [position: number, n: number, isRight: number]>;
  /** The last entry that is not after it. */
  readonly before: Statement<NumberedEntry>;
  /** Within a span: entries whose events are what the entries say; and those that have all the tags, and one of the types, that are asked for. */
  readonly countRight: Statement<readonly [right: number, matching: number]>;
}

type Found = readonly [position: number];

/** Goes along the entries of names in the index tables, and doubts what it does not find. All methods throw `store_damaged`. */
export class NameWalks {
  readonly #db: Database;
  readonly #tail: Tail;
  readonly #asks: Readonly<Record<IndexTable, Asks>>;
  /** By what they are made of; at most 2 × 33 × 2. */
  readonly #searches = new Map<string, Statement<Found>>();

  constructor(db: Database, tail: Tail) {
    this.#db = db;
    this.#tail = tail;
    this.#asks = { type_index: asksOf(db, 'type_index'), tag_index: asksOf(db, 'tag_index') };
  }

  /** The walk along the entries of a name within a span. */
  walk(table: IndexTable, entry: NameEntry, { after, upTo }: Span): Walk {
    const begin = this.#firstAfter(table, entry, after);
    const end = upTo >= this.#tail.start - 1 ? null : this.#firstAfter(table, entry, upTo);
    const length = (end?.n ?? entry.count) - (begin?.n ?? entry.count);
    const first = begin !== null && begin.position <= upTo ? begin.position : null;
    if ((first === null) !== (length === 0)) throw this.#lost(table, entry);
    return { table, entry, first, length };
  }

  /** The first entry of a name after a position; null: there is none. What lies before it is looked at too. */
  #firstAfter(table: IndexTable, entry: NameEntry, after: number): { position: number; n: number } | null {
    const { next, before, previous } = this.#asks[table];
    const row = next.get(entry.id, after);
    if (row !== undefined) {
      const last = before.get(entry.id, after);
      const follows = row[1] === (last === undefined ? 0 : last[1] + 1);
      if (follows && hasSum(entry, row) && (last === undefined || hasSum(entry, last))) {
        return { position: row[0], n: row[1] };
      }
      throw this.#lost(table, entry);
    }
    if (!isEnd(previous.all(entry.id, after), entry.count)) throw this.#lost(table, entry);
    return null;
  }

  /** The first event along `walk` that has the type and all the tags of the item. */
  search(walk: Walk, { types, tags, anyType }: Item, span: Span): number | null {
    const { table, entry } = walk;
    if (walk.first === null) return null;
    const others = tags.filter((tag) => tag !== entry);
    const checksType = table === 'tag_index' && !anyType;
    const values: (number | string)[] = [entry.id, span.after, span.upTo, ...others.map(({ id }) => id)];
    if (checksType) values.push(JSON.stringify(types.map(({ id }) => id)));
    const found = this.#statement(table, others.length, checksType).get(...values);
    if (found !== undefined) return found[0];
    const tagIds = JSON.stringify(others.map(({ id }) => id));
    this.#checkWhole(walk, span, tagIds, checksType ? JSON.stringify(types.map(({ id }) => id)) : null);
    return null;
  }

  /**
   * That no event matches is a strong answer: it must not come from entries that were lost or changed. So it is asked for
   * a second time, of rows where the search has gone by an index, and the other way round.
   */
  #checkWhole({ table, entry, length }: Walk, { after, upTo }: Span, tags: string, types: string | null): void {
    const { countRight } = this.#asks[table];
    const [right, matching] = countRight.get(entry.id, after, tags, types, upTo)!;
    if (right !== length) throw this.#lost(table, entry);
    if (matching > 0) throw damaged(this.#db.file, `an index does not go with an event that has ${entry.name}`);
  }

  #lost(table: IndexTable, { name }: NameEntry): Error {
    return damaged(this.#db.file, `entries of ${name} in ${table} are lost or changed`);
  }

  #statement(table: IndexTable, tags: number, checksType: boolean): Statement<Found> {
    const key = `${table} ${tags} ${checksType}`;
    let statement = this.#searches.get(key);
    if (statement === undefined) {
      const hasTag = 'AND EXISTS (SELECT 1 FROM tag_index t WHERE t.tag = ? AND t.position = a.position) ';
      const hasType =
        'AND (SELECT e.type FROM events e WHERE e.position = a.position) IN (SELECT value FROM json_each(?)) ';
      statement = this.#db.prepareRows<Found>(
        `SELECT a.position FROM ${table} a WHERE a.${COLUMN[table]} = ? AND a.position > ? AND a.position <= ? ` +
          `${hasTag.repeat(tags)}${checksType ? hasType : ''}ORDER BY a.position LIMIT 1`,
      );
      this.#searches.set(key, statement);
    }
    return statement;
  }
}

function asksOf(db: Database, table: IndexTable): Asks {
  const ofName = `FROM ${table} WHERE ${COLUMN[table]} = ?`;
  return {
    next: db.prepareRows(`SELECT position, n, sum ${ofName} AND position > ? ORDER BY position LIMIT 1`),
    before: db.prepareRows(`SELECT position, n, sum ${ofName} AND position <= ? ORDER BY position DESC LIMIT 1`),
    previous: db.prepareRows(
      `SELECT a.position, a.n, EXISTS (SELECT 1 FROM events e WHERE e.position = a.position AND ${IS_RIGHT[table]})
       FROM ${table} a WHERE a.${COLUMN[table]} = ? AND a.position <= ? ORDER BY a.position DESC LIMIT 2`,
    ),
    countRight: db.prepareRows(
      `SELECT count(*), total(${MATCHES}) FROM ${table} a CROSS JOIN events e ON e.position = a.position
       WHERE a.${COLUMN[table]} = ?1 AND a.position > ?2 AND a.position <= ?5 AND ${IS_RIGHT[table]}`,
    ),
  };
}

/** Whether `last`, the last entries of a name up to some position, the last one first, show that it has none after that. */
function isEnd(last: readonly (readonly [position: number, n: number, isRight: number])[], count: number): boolean {
  if (last.length !== Math.min(count, 2)) return false;
  const follow = last.every(([, n, isRight], i) => n === count - 1 - i && isRight === 1);
  // An entry whose position has changed may lie behind one that is greater.
  return follow && (last.length < 2 || last[0]![0] > last[1]![0]);
}

const hasSum = ({ id }: NameEntry, [position, n, sum]: NumberedEntry): boolean => sum === entrySum(id, position, n);
