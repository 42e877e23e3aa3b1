import { hash } from 'node:crypto';
import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { ConditionView } from '../append-codec.ts';
import { matchesQuery, type Query, type QueryItem } from '../query.ts';
import { type Item, NameWalks, type Span, type Walk } from './condition-walks.ts';
import { checkedRow, type EventRow, ROW_COLUMNS } from './event-row.ts';
import { forgetOldest } from './forget-oldest.ts';
import type { NameEntry, NameTable } from './name-table.ts';
import type { Tail } from './tail.ts';

/** Entries that are looked at for one condition in one commit, as a rule: about 10 ms. */
const MOST_ENTRIES = 5000;
/** A span of so many positions, as a part of the entries that may be looked at, is looked through in one go. */
const LEAST_SPAN = 1 / 5;
/** Conditions whose progress is remembered. */
const MAX_REMEMBERED = 1024;
const RETRY_AFTER_MS = 100;

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
  readonly #names: NameWalks;
  readonly #row: Statement<EventRow>;
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
    this.#names = new NameWalks(db, tail);
    this.#row = db.prepareRows(`SELECT ${ROW_COLUMNS} FROM events WHERE position = ?`);
  }

  /** What was written has been taken back: at the same positions there may be other events. */
  forget(): void {
    this.#progress.clear();
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
    if (mostCost(items, whole) <= this.#mostEntries || this.#cost(items, whole) <= this.#mostEntries) {
      return this.#firstWithin(items, whole);
    }
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
    if (tags.length === 0) return leastOf(types, (type) => this.#names.walk('type_index', type, span).first);
    return leastOf(this.#walks(item, span) ?? [], (walk) => this.#names.search(walk, item, span));
  }

  /** The walks that together come by every match of an item that has tags, the shortest there are; null: there is none. */
  #walks({ types, tags, anyType }: Item, span: Span): readonly Walk[] | null {
    const byTag = this.#shortest(tags, span);
    if (byTag === null || anyType) return byTag === null ? null : [byTag];
    const byType = types.map((type) => this.#names.walk('type_index', type, span));
    const length = byType.reduce((sum, walk) => sum + walk.length, 0);
    return length < byTag.length ? byType : [byTag];
  }

  /** @returns the walk along the rarest of `tags`; null: one of them has no event within the span */
  #shortest(tags: readonly NameEntry[], span: Span): Walk | null {
    let shortest: Walk | null = null;
    for (const tag of tags) {
      const walk = this.#names.walk('tag_index', tag, span);
      if (walk.length === 0) return null;
      if (shortest === null || walk.length < shortest.length) shortest = walk;
    }
    return shortest;
  }

  #verified(position: number, query: Query): number {
    const row = this.#row.get(position);
    if (row === undefined) throw damaged(this.#db.file, 'an event is lost', position);
    const { type, tags } = checkedRow(this.#db.file, row).event;
    if (matchesQuery(query, type, tags)) return position;
    throw damaged(this.#db.file, 'an entry of an index leads to another event', position);
  }
}

/** Items that say the same are looked for once. */
function distinct(query: Query): Query {
  const said = ({ types = [], tags = [] }: QueryItem): string =>
    JSON.stringify([[...new Set(types)].sort(), [...new Set(tags)].sort()]);
  return query.length < 2 ? query : [...new Map(query.map((item) => [said(item), item])).values()];
}

/** How many entries may have to be looked at: no more than there are positions, nor than there are of the rarest name. */
function mostCost(items: readonly Item[], { after, upTo }: Span): number {
  let cost = 0;
  for (const { tags } of items) {
    let least = tags.length === 0 ? 0 : upTo - after;
    for (const { count } of tags) if (count < least) least = count;
    cost += least;
  }
  return cost;
}

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
