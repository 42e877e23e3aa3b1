import { hash } from 'node:crypto';
import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { ConditionView } from '../append-codec.ts';
import { matchesQuery, type Query, type QueryItem } from '../query.ts';
import { entrySum } from './entry-sum.ts';
import { checkedRow, type EventRow, ROW_COLUMNS } from './event-row.ts';
import { forgetOldest } from './forget-oldest.ts';
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

/** Positions that are looked through: after the first, up to the second. */
interface Span {
  readonly after: number;
  readonly upTo: number;
}

/** A walk along the entries of a name within a span. */
interface Walk {
  readonly table: IndexTable;
  readonly entry: NameEntry;
  /** Position of the first one; null: there are none. */
  readonly first: number | null;
  /** How many there are. */
  readonly length: number;
}

/** Entries that are looked at for one condition in one commit, as a rule: about 10 ms. */
const MOST_ENTRIES = 5000;
/** A span of so many positions, as a part of the entries that may be looked at, is looked through in one go. */
const LEAST_SPAN = 1 / 5;
/** Conditions whose progress is remembered. */
const MAX_REMEMBERED = 1024;
const RETRY_AFTER_MS = 100;

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

export interface ConditionsOptions {
  /** Name of the store, for errors. */
  readonly store: string;
  /** Entries looked at for one condition in one commit; default 5,000. */
  readonly mostEntries?: number;
}

/**
 * Answers whether an event after some position matches a query: from the index tables, and for the tail from memory. What would
 * hold up a commit for long is done part by part, one in each commit that asks: an append is told to come again until
 * its condition has been looked through so far that little is left. Events do not change, so what was looked through stays so.
 */
export class Conditions {
  readonly #db: Database;
  readonly #types: NameTable;
  readonly #tags: NameTable;
  readonly #tail: Tail;
  readonly #store: string;
  readonly #mostEntries: number;
  readonly #asks: Readonly<Record<IndexTable, Asks>>;
  readonly #row: Statement<EventRow>;
  /** By what they are made of; at most 2 × 33 × 2. */
  readonly #searches = new Map<string, Statement<Found>>();
  /** How far conditions have been looked through without a match, by their digests, the longest unused first. */
  readonly #progress = new Map<string, number>();
  /** Whether a part has been looked through in this commit. */
  #hasLooked = false;

  constructor(db: Database, types: NameTable, tags: NameTable, tail: Tail, options: ConditionsOptions) {
    this.#db = db;
    this.#types = types;
    this.#tags = tags;
    this.#tail = tail;
    this.#store = options.store;
    this.#mostEntries = options.mostEntries ?? MOST_ENTRIES;
    this.#asks = { type_index: asksOf(db, 'type_index'), tag_index: asksOf(db, 'tag_index') };
    this.#row = db.prepareRows(`SELECT ${ROW_COLUMNS} FROM events WHERE position = ?`);
  }

  /** To be called at the beginning of each commit. */
  begin(): void {
    this.#hasLooked = false;
  }

  /**
   * @throws {PlexusError} append_condition_failed, with the position of the first match; overloaded: it takes longer, ask again;
   * store_damaged
   */
  check(condition: ConditionView): void {
    const position = this.#firstMatch(condition);
    if (position === null) return;
    throw new PlexusError('append_condition_failed', { position, after: condition.after });
  }

  #firstMatch({ query, after }: ConditionView): number | null {
    if (after >= this.#tail.end - 1) return null;
    if (query.some(matchesAll)) return after + 1;
    const items = distinct(query)
      .map((item) => this.#resolve(item))
      .filter((item) => item !== null);
    const lastIndexed = this.#tail.start - 1;
    if (after < lastIndexed) {
      const match = this.#firstIndexedOf(items, query, { after, upTo: lastIndexed });
      if (match !== null) return this.#verified(match, query);
    }
    return leastOf(items, (item) => this.#firstInTail(item, after));
  }

  /** @throws {PlexusError} overloaded */
  #firstIndexedOf(items: readonly Item[], query: Query, whole: Span): number | null {
    if (this.#cost(items, whole) <= this.#mostEntries) return this.#firstWithin(items, whole);
    const key = digestOf(query, whole.after);
    let left = { after: this.#progress.get(key) ?? whole.after, upTo: whole.upTo };
    if (!this.#hasLooked && this.#cost(items, left) > this.#mostEntries) {
      this.#hasLooked = true;
      const part = this.#part(items, left);
      const match = this.#firstWithin(items, part);
      if (match !== null) return match;
      left = { after: part.upTo, upTo: whole.upTo };
      this.#progress.delete(key);
      this.#progress.set(key, left.after);
      forgetOldest(this.#progress, MAX_REMEMBERED);
    }
    if (this.#cost(items, left) <= this.#mostEntries) return this.#firstWithin(items, left);
    throw new PlexusError('overloaded', { store: this.#store, retryAfterMs: RETRY_AFTER_MS });
  }

  /** @returns the beginning of a span, with not many more entries than may be looked at */
  #part(items: readonly Item[], { after, upTo }: Span): Span {
    const least = Math.max(1, Math.floor(this.#mostEntries * LEAST_SPAN));
    let part = { after, upTo };
    for (;;) {
      const cost = this.#cost(items, part);
      const length = part.upTo - after;
      if (cost <= 2 * this.#mostEntries || length <= least) return part;
      // As if entries were spread evenly; where they are not, it is looked at again.
      const shorter = Math.floor((length * this.#mostEntries) / cost);
      part = { after, upTo: after + Math.max(shorter, least) };
    }
  }

  /** How many entries have to be looked at. */
  #cost(items: readonly Item[], span: Span): number {
    let cost = 0;
    for (const item of items) {
      // Where any tags will do, the first entry of a type answers.
      if (item.tags.length > 0) for (const { length } of this.#walks(item, span) ?? []) cost += length;
    }
    return cost;
  }

  #firstWithin(items: readonly Item[], span: Span): number | null {
    return leastOf(items, (item) => this.#firstIndexed(item, span));
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

  #firstIndexed(item: Item, span: Span): number | null {
    const { types, tags } = item;
    if (tags.length === 0) return leastOf(types, (type) => this.#walk('type_index', type, span).first);
    return leastOf(this.#walks(item, span) ?? [], (walk) => this.#search(walk, item, span));
  }

  /** The walks that together come by every match of an item that has tags, the shortest there are; null: there is none. */
  #walks({ types, tags, anyType }: Item, span: Span): readonly Walk[] | null {
    const byTag = this.#shortest(tags, span);
    if (byTag === null || anyType) return byTag === null ? null : [byTag];
    const byType = types.map((type) => this.#walk('type_index', type, span));
    const length = byType.reduce((sum, walk) => sum + walk.length, 0);
    return length < byTag.length ? byType : [byTag];
  }

  /** @returns the walk along the rarest of `tags`; null: one of them has no event within the span */
  #shortest(tags: readonly NameEntry[], span: Span): Walk | null {
    let shortest: Walk | null = null;
    for (const tag of tags) {
      const walk = this.#walk('tag_index', tag, span);
      if (walk.length === 0) return null;
      if (shortest === null || walk.length < shortest.length) shortest = walk;
    }
    return shortest;
  }

  #walk(table: IndexTable, entry: NameEntry, { after, upTo }: Span): Walk {
    const begin = this.#firstAfter(table, entry, after);
    const end = upTo >= this.#tail.start - 1 ? null : this.#firstAfter(table, entry, upTo);
    const length = (end?.n ?? entry.count) - (begin?.n ?? entry.count);
    return { table, entry, first: begin !== null && begin.position <= upTo ? begin.position : null, length };
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
  #search(walk: Walk, { types, tags, anyType }: Item, span: Span): number | null {
    const { table, entry } = walk;
    if (walk.first === null) {
      if (walk.length !== 0) throw this.#lost(table, entry);
      return null;
    }
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

/** Items that say the same are looked for once. */
function distinct(query: Query): Query {
  const said = ({ types = [], tags = [] }: QueryItem): string =>
    JSON.stringify([[...new Set(types)].sort(), [...new Set(tags)].sort()]);
  return query.length < 2 ? query : [...new Map(query.map((item) => [said(item), item])).values()];
}

const hasSum = ({ id }: NameEntry, [position, n, sum]: NumberedEntry): boolean => sum === entrySum(id, position, n);

/** A condition, told from others. */
function digestOf(query: Query, after: number): string {
  return hash('sha256', JSON.stringify([after, query]));
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
