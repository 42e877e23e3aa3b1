import { damaged } from '../../lib/sqlite/database.ts';
import type { StoredRow } from './stored-row.ts';

/**
 * What one page may look at, so that no request holds the thread for long. A unit is an entry of an index looked at, about
 * 0.15 µs.
 */
export class Budget {
  left: number;

  constructor(units: number) {
    this.left = units;
  }

  get isSpent(): boolean {
    return this.left <= 0;
  }

  spend(units: number): void {
    this.left -= units;
  }
}

/** In units of a `Budget`: a statement, and an event that is fetched and looked at. */
export const STATEMENT_COST = 40;
export const EVENT_COST = 8;

/** No further position. */
export const END = Number.POSITIVE_INFINITY;

/**
 * Positions in order, up to the last indexed one. In a read that goes backwards they are negated, so that everything here
 * goes upwards: a *key* is a position, or minus one.
 */
export interface List {
  /** About how many there are. */
  readonly estimate: number;
  /**
   * @returns the first key at or after `key`, or `END`. When the budget is spent, some key that nothing lies before, which
   * need not be a member.
   */
  seek(key: number): number;
  /** Adds the sources that say that `key`, which `seek` has just given, is there. */
  claims(key: number, sources: EntrySource[]): void;
  /**
   * Adds the entries on either side of those that were asked for, from the first `seek` up to `endKey`: one that was changed
   * so that it lies outside would hide the event that it led to.
   */
  neighbours(endKey: number, found: Found[]): void;
}

/** A position, and what says that it is there. */
export interface Found {
  readonly position: number;
  readonly claims: readonly EntrySource[];
}

const NOTHING: Entry = [0, 0, null];
const FIRST_CHUNK = 128;
const LARGEST_CHUNK = 2048;

/** The sum is null, and says nothing, where entries are not numbered. */
export type Entry = readonly [position: number, n: number, sum: number | null];

/** Where entries of an index come from. */
export interface EntrySource {
  readonly what: string;
  /** How many entries it has; null: not known. Then `n` says nothing. */
  readonly count: number | null;
  /** About how many it has. */
  readonly estimate: number;
  /** What the sum of an entry has to be. Where `count` is null it is not asked. */
  sumOf(position: number, n: number): number;
  /** Whether it is right in naming this event. */
  holds(row: StoredRow): boolean;
  /**
   * @returns up to `limit` entries upwards from the last one *before* `position`, or from the first; downwards from the
   * first one after it, or from the last
   */
  fetch(position: number, isForwards: boolean, limit: number): Entry[];
}

/** The entries of one name, one stream and so on, in chunks. Notices entries that are lost, where they are numbered. */
export class IndexList implements List {
  readonly estimate: number;
  readonly #file: string;
  readonly #source: EntrySource;
  readonly #sign: 1 | -1;
  readonly #budget: Budget;
  #chunk: Entry[] = [];
  #at = 0;
  #limit = FIRST_CHUNK;
  /** Every key from here to the end of the chunk is in it, or is none of the list's. */
  #from = END;
  #isLast = false;
  /** Position of the entry before the first key that was asked for. */
  #before: number | null = null;

  constructor(file: string, source: EntrySource, isForwards: boolean, budget: Budget) {
    this.#file = file;
    this.#source = source;
    this.#sign = isForwards ? 1 : -1;
    this.#budget = budget;
    this.estimate = source.estimate;
  }

  seek(key: number): number {
    const chunk = this.#chunk;
    const sign = this.#sign;
    if (key >= this.#from) {
      while (this.#at < chunk.length) {
        const found = chunk[this.#at]![0] * sign;
        if (found >= key) return found;
        this.#at++;
      }
      if (this.#isLast) return END;
    }
    this.#fetch(key);
    return this.seek(key);
  }

  claims(key: number, sources: EntrySource[]): void {
    const entry = this.#chunk[this.#at];
    if (entry !== undefined && entry[0] * this.#sign === key) sources.push(this.#source);
  }

  neighbours(endKey: number, found: Found[]): void {
    const claims = [this.#source];
    if (this.#before !== null) found.push({ position: this.#before, claims });
    const entry = this.#chunk[this.#at];
    if (entry !== undefined && entry[0] * this.#sign > endKey) found.push({ position: entry[0], claims });
  }

  #fetch(key: number): void {
    const isForwards = this.#sign === 1;
    const chunk = this.#source.fetch(key * this.#sign, isForwards, this.#limit);
    this.#budget.spend(STATEMENT_COST + chunk.length);
    this.#isLast = chunk.length < this.#limit;
    this.#check(chunk, key);
    const first = chunk[0];
    if (this.#from === END && first !== undefined && first[0] * this.#sign < key) this.#before = first[0];
    this.#chunk = chunk;
    this.#at = 0;
    this.#from = key;
    this.#limit = Math.min(this.#limit * 2, LARGEST_CHUNK);
  }

  #check(chunk: readonly Entry[], key: number): void {
    const sign = this.#sign;
    const isNumbered = this.#source.count !== null;
    for (const [position, n, sum] of isNumbered ? chunk : []) {
      if (sum !== this.#source.sumOf(position, n)) throw this.#damaged('differs from its sum', position);
    }
    let [before, nBefore] = chunk[0] ?? NOTHING;
    for (let i = 1; i < chunk.length; i++) {
      const [position, n] = chunk[i]!;
      // Said so that it does not hold for what is no number either.
      if (!((position - before) * sign > 0)) throw this.#damaged('is out of order', before);
      if (isNumbered && n !== nBefore + sign) throw this.#damaged('is lost', position);
      before = position;
      nBefore = n;
    }
    const { count } = this.#source;
    if (count === null) return;
    const beginning = sign === 1 ? 0 : count - 1;
    const end = sign === 1 ? count - 1 : 0;
    const first = chunk[0];
    if (first === undefined) {
      if (count > 0) throw this.#damaged('is lost', null);
      return;
    }
    // Without one before the key, the first of the chunk is the first of all.
    if (first[0] * sign >= key && first[1] !== beginning) throw this.#damaged('is lost', first[0]);
    const last = chunk.at(-1)!;
    if (this.#isLast && last[1] !== end) throw this.#damaged('is lost', last[0]);
  }

  #damaged(problem: string, position: number | null): Error {
    return damaged(this.#file, `an entry of the index of ${this.#source.what} ${problem}`, position);
  }
}

/** Members of any of the lists. */
export class AnyOf implements List {
  readonly estimate: number;
  readonly #lists: readonly List[];
  /** What each gave last. */
  readonly #heads: number[];

  constructor(lists: readonly List[]) {
    this.#lists = lists;
    this.#heads = lists.map(() => Number.NEGATIVE_INFINITY);
    this.estimate = lists.reduce((sum, list) => sum + list.estimate, 0);
  }

  seek(key: number): number {
    let first = END;
    for (let i = 0; i < this.#lists.length; i++) {
      let head = this.#heads[i]!;
      if (head < key) {
        head = this.#lists[i]!.seek(key);
        this.#heads[i] = head;
      }
      if (head < first) first = head;
    }
    return first;
  }

  claims(key: number, sources: EntrySource[]): void {
    for (let i = 0; i < this.#lists.length; i++) {
      if (this.#heads[i] === key) this.#lists[i]!.claims(key, sources);
    }
  }

  neighbours(endKey: number, found: Found[]): void {
    for (const list of this.#lists) list.neighbours(endKey, found);
  }
}

/** Members of all of the lists. */
export class AllOf implements List {
  readonly estimate: number;
  readonly #lists: readonly List[];
  readonly #budget: Budget;

  /** @param lists the one with the fewest members first */
  constructor(lists: readonly List[], budget: Budget) {
    this.#lists = lists;
    this.#budget = budget;
    this.estimate = lists[0]!.estimate;
  }

  seek(key: number): number {
    let target = key;
    for (;;) {
      const start = target;
      for (const list of this.#lists) {
        target = list.seek(target);
        if (target === END) return END;
      }
      // All of them stood still.
      if (target === start) return target;
      if (this.#budget.isSpent) return target;
    }
  }

  claims(key: number, sources: EntrySource[]): void {
    for (const list of this.#lists) list.claims(key, sources);
  }

  neighbours(): void {
    // Here an entry that was changed hides an event in any case: see `merge`.
  }
}
