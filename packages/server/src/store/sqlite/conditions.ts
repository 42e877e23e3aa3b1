import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { ConditionView } from '../append-codec.ts';
import { matchesQuery, type Query, type QueryItem } from '../query.ts';
import { checkedRow, type EventRow, ROW_COLUMNS } from './event-row.ts';
import type { NameEntry, NameTable } from './name-table.ts';
import type { Tail } from './tail.ts';

type Found = readonly [position: number];

/** An item of a query, with the entries of its names. */
interface Item {
  readonly types: readonly NameEntry[];
  readonly tags: readonly NameEntry[];
  /** Whether any type will do. */
  readonly anyType: boolean;
}

type IndexTable = 'type_index' | 'tag_index';

/** A walk along the entries of a name from some position on. */
interface Walk {
  readonly table: IndexTable;
  readonly entry: NameEntry;
  /** Of the first one; null: there are none. */
  readonly first: number | null;
  /** How many there are. */
  readonly rest: number;
}

/** When no event is found along a walk that is not longer than this, each of its entries is compared with its event. */
const MAX_COMPARED = 10_000;

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

/** What is asked of one index table about a name's entries after some position. */
interface Asks {
  readonly next: Statement<readonly [position: number, n: number]>;
  /** The last two entries that are not after it, the last one first. */
  readonly previous: Statement<readonly [position: number, n: number, isRight: number]>;
  readonly count: Statement<readonly [number]>;
  /** Entries whose events are what the entries say; and those that have all the tags, and one of the types, that are asked for. */
  readonly countRight: Statement<readonly [right: number, matching: number]>;
}

/** Answers whether an event after some position matches a query: from the index tables, and for the tail from memory. */
export class Conditions {
  readonly #db: Database;
  readonly #types: NameTable;
  readonly #tags: NameTable;
  readonly #tail: Tail;
  readonly #asks: Readonly<Record<IndexTable, Asks>>;
  readonly #row: Statement<EventRow>;
  /** By what they are made of; at most 2 × 33 × 2. */
  readonly #searches = new Map<string, Statement<Found>>();

  constructor(db: Database, types: NameTable, tags: NameTable, tail: Tail) {
    this.#db = db;
    this.#types = types;
    this.#tags = tags;
    this.#tail = tail;
    this.#asks = { type_index: asksOf(db, 'type_index'), tag_index: asksOf(db, 'tag_index') };
    this.#row = db.prepareRows(`SELECT ${ROW_COLUMNS} FROM events WHERE position = ?`);
  }

  /** @throws {PlexusError} append_condition_failed, with the position of the first match; store_damaged */
  check({ query, after }: ConditionView): void {
    const position = this.#firstMatch(query, after);
    if (position !== null) throw new PlexusError('append_condition_failed', { position, after });
  }

  #firstMatch(query: Query, after: number): number | null {
    if (after >= this.#tail.end - 1) return null;
    if (query.some(matchesAll)) return after + 1;
    const items = distinct(query)
      .map((item) => this.#resolve(item))
      .filter((item) => item !== null);
    if (after < this.#tail.start - 1) {
      const indexed = leastOf(items, (item) => this.#firstIndexed(item, after));
      if (indexed !== null) return this.#verified(indexed, query);
    }
    return leastOf(items, (item) => this.#firstInTail(item, after));
  }

  /** @returns null: no event has one of its types, or all of its tags */
  #resolve({ types = [], tags = [] }: QueryItem): Item | null {
    const known = types.map((name) => this.#types.find(name)).filter((entry) => entry !== null);
    if (types.length > 0 && known.length === 0) return null;
    const wanted: NameEntry[] = [];
    for (const name of new Set(tags)) {
      const entry = this.#tags.find(name);
      if (entry === null) return null;
      wanted.push(entry);
    }
    return { types: [...new Set(known)], tags: wanted, anyType: types.length === 0 };
  }

  #firstInTail({ types, tags, anyType }: Item, after: number): number | null {
    if (tags.length === 0) return leastOf(types, ({ tail }) => tail[indexAfter(tail, after)] ?? null);
    const { tail } = tags.reduce((least, tag) => (tag.tail.length < least.tail.length ? tag : least));
    for (let i = indexAfter(tail, after); i < tail.length; i++) {
      const position = tail[i]!;
      const has = this.#tail.tagsAt(position);
      const isOne = anyType || types.includes(this.#tail.typeAt(position));
      if (isOne && tags.every((tag) => has.includes(tag))) return position;
    }
    return null;
  }

  #firstIndexed(item: Item, after: number): number | null {
    const { types, tags, anyType } = item;
    if (tags.length === 0) return leastOf(types, (type) => this.#walk('type_index', type, after).first);
    const byTag = this.#shortest(tags, after);
    if (byTag === null) return null;
    if (anyType) return this.#search(byTag, item, after);
    const byType = types.map((type) => this.#walk('type_index', type, after));
    const rest = byType.reduce((sum, walk) => sum + walk.rest, 0);
    return rest < byTag.rest
      ? leastOf(byType, (walk) => this.#search(walk, item, after))
      : this.#search(byTag, item, after);
  }

  /** @returns the walk along the rarest of `tags`; null: one of them has no event after `after` */
  #shortest(tags: readonly NameEntry[], after: number): Walk | null {
    let shortest: Walk | null = null;
    for (const tag of tags) {
      const walk = this.#walk('tag_index', tag, after);
      if (walk.rest === 0) return null;
      if (shortest === null || walk.rest < shortest.rest) shortest = walk;
    }
    return shortest;
  }

  #walk(table: IndexTable, entry: NameEntry, after: number): Walk {
    const { next, previous } = this.#asks[table];
    const row = next.get(entry.id, after);
    if (row !== undefined) return { table, entry, first: row[0], rest: entry.count - row[1] };
    if (!isEnd(previous.all(entry.id, after), entry.count)) throw this.#lost(table, entry);
    return { table, entry, first: null, rest: 0 };
  }

  /** The first event along `walk` that has the type and all the tags of the item. */
  #search(walk: Walk, { types, tags, anyType }: Item, after: number): number | null {
    const { table, entry } = walk;
    if (walk.first === null) return null;
    const others = tags.filter((tag) => tag !== entry);
    const checksType = table === 'tag_index' && !anyType;
    const values: (number | string)[] = [entry.id, after, ...others.map(({ id }) => id)];
    if (checksType) values.push(JSON.stringify(types.map(({ id }) => id)));
    const found = this.#statement(table, others.length, checksType).get(...values);
    if (found !== undefined) return found[0];
    const tagIds = JSON.stringify(others.map(({ id }) => id));
    this.#checkWhole(walk, after, tagIds, checksType ? JSON.stringify(types.map(({ id }) => id)) : null);
    return null;
  }

  /**
   * That no event matches is a strong answer: it must not come from entries that were lost or changed. So it is asked for
   * a second time, of rows where the search has gone by an index, and the other way round.
   */
  #checkWhole({ table, entry, rest }: Walk, after: number, tags: string, types: string | null): void {
    const { count, countRight } = this.#asks[table];
    if (rest > MAX_COMPARED) {
      if (count.get(entry.id, after)![0] !== rest) throw this.#lost(table, entry);
      return;
    }
    const [right, matching] = countRight.get(entry.id, after, tags, types)!;
    if (right !== rest) throw this.#lost(table, entry);
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
        `SELECT a.position FROM ${table} a WHERE a.${COLUMN[table]} = ? AND a.position > ? ` +
          `${hasTag.repeat(tags)}${checksType ? hasType : ''}ORDER BY a.position LIMIT 1`,
      );
      this.#searches.set(key, statement);
    }
    return statement;
  }

  #verified(position: number, query: Query): number {
    const row = this.#row.get(position);
    if (row === undefined) throw damaged(this.#db.file, 'an event is lost', position);
    const { type, tags } = checkedRow(this.#db.file, row).event;
    if (matchesQuery(query, type, tags)) return position;
    throw damaged(this.#db.file, 'an entry of an index leads to another event', position);
  }
}

function asksOf(db: Database, table: IndexTable): Asks {
  const ofName = `FROM ${table} WHERE ${COLUMN[table]} = ?`;
  return {
    next: db.prepareRows(`SELECT position, n ${ofName} AND position > ? ORDER BY position LIMIT 1`),
    previous: db.prepareRows(
      `SELECT a.position, a.n, EXISTS (SELECT 1 FROM events e WHERE e.position = a.position AND ${IS_RIGHT[table]})
       FROM ${table} a WHERE a.${COLUMN[table]} = ? AND a.position <= ? ORDER BY a.position DESC LIMIT 2`,
    ),
    count: db.prepareRows(`SELECT count(*) ${ofName} AND position > ?`),
    countRight: db.prepareRows(
      `SELECT count(*), total(${MATCHES}) FROM ${table} a CROSS JOIN events e ON e.position = a.position
       WHERE a.${COLUMN[table]} = ?1 AND a.position > ?2 AND ${IS_RIGHT[table]}`,
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

/** Items that say the same are looked for once. */
function distinct(query: Query): Query {
  const said = ({ types = [], tags = [] }: QueryItem): string =>
    JSON.stringify([[...new Set(types)].sort(), [...new Set(tags)].sort()]);
  return query.length < 2 ? query : [...new Map(query.map((item) => [said(item), item])).values()];
}

const matchesAll = ({ types = [], tags = [] }: QueryItem): boolean => types.length === 0 && tags.length === 0;

/** The least position that `find` gives, or null. */
function leastOf<T>(all: readonly T[], find: (one: T) => number | null): number | null {
  let least: number | null = null;
  for (const one of all) {
    const position = find(one);
    if (position !== null && (least === null || position < least)) least = position;
  }
  return least;
}

/** @returns index of the first of `positions`, ascending, that is after `after` */
function indexAfter(positions: readonly number[], after: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
