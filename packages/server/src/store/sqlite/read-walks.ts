import { damaged } from '../../lib/sqlite/database.ts';
import { type Budget, END, type EntrySource, EVENT_COST, type Found, type List, STATEMENT_COST } from './read-lists.ts';
import { type EventRows, MAX_BATCH } from './read-rows.ts';
import type { EntrySources } from './read-sources.ts';
import type { StreamHead } from './read-streams.ts';
import type { StoredRow } from './stored-row.ts';

/** Events that a read comes by, in its direction, some at a time. */
export interface Walk {
  /** @param most events, at least one @returns those that come next, at least one; null: that was all */
  next(most: number, maxBytes: number): StoredRow[] | null;
  /** Where a page that ended with this event goes on; null: it was the last. */
  after(row: StoredRow): number | null;
}

/** Both inclusive, `low` at most `high` + 1. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const FETCH_BYTES_PER_UNIT = 512;

function spend(budget: Budget, rows: readonly StoredRow[]): void {
  let bytes = 0;
  for (const row of rows) bytes += row.bytes;
  budget.spend(STATEMENT_COST + rows.length * EVENT_COST + bytes / FETCH_BYTES_PER_UNIT);
}

/** The next place within a range, or null. */
function step(place: number, { low, high }: Range, isForwards: boolean): number | null {
  const next = isForwards ? place + 1 : place - 1;
  return next >= low && next <= high ? next : null;
}

/** Every event between two positions. */
export class StoreWalk implements Walk {
  readonly #rows: EventRows;
  readonly #range: Range;
  readonly #isForwards: boolean;
  readonly #budget: Budget;
  #place: number | null;

  constructor(rows: EventRows, range: Range, isForwards: boolean, budget: Budget) {
    this.#rows = rows;
    this.#range = range;
    this.#isForwards = isForwards;
    this.#budget = budget;
    this.#place = range.low > range.high ? null : isForwards ? range.low : range.high;
  }

  next(most: number, maxBytes: number): StoredRow[] | null {
    const place = this.#place;
    if (place === null) return null;
    const isForwards = this.#isForwards;
    const size = this.#rows.fit(most, maxBytes) - 1;
    const from = isForwards ? place : Math.max(place - size, this.#range.low);
    const to = isForwards ? Math.min(place + size, this.#range.high) : place;
    const rows = this.#rows.range(from, to, { isForwards, maxBytes });
    spend(this.#budget, rows);
    this.#place = this.after(rows.at(-1)!);
    return rows;
  }

  after({ position }: StoredRow): number | null {
    return step(position, this.#range, this.#isForwards);
  }
}

/** Every event of a stream between two versions. */
export class StreamWalk implements Walk {
  readonly #rows: EventRows;
  readonly #head: StreamHead;
  readonly #range: Range;
  readonly #isForwards: boolean;
  readonly #budget: Budget;
  #place: number | null;

  constructor(rows: EventRows, head: StreamHead, range: Range, isForwards: boolean, budget: Budget) {
    this.#rows = rows;
    this.#head = head;
    this.#range = range;
    this.#isForwards = isForwards;
    this.#budget = budget;
    this.#place = range.low > range.high ? null : isForwards ? range.low : range.high;
  }

  next(most: number, maxBytes: number): StoredRow[] | null {
    const place = this.#place;
    if (place === null) return null;
    const rows = this.#fetch(place, this.#rows.fit(most, maxBytes) - 1, maxBytes);
    spend(this.#budget, rows);
    this.#place = this.after(rows.at(-1)!);
    return rows;
  }

  after({ version }: StoredRow): number | null {
    return step(version, this.#range, this.#isForwards);
  }

  #fetch(place: number, size: number, maxBytes: number): StoredRow[] {
    const { id, indexedVersion, tail } = this.#head;
    const { low, high } = this.#range;
    const isForwards = this.#isForwards;
    // A fetch does not go across the border between index and tail.
    const isTail = place > indexedVersion;
    const from = isForwards ? place : Math.max(place - size, low, isTail ? indexedVersion + 1 : 0);
    const to = isForwards ? Math.min(place + size, high, isTail ? high : indexedVersion) : place;
    if (!isTail) return this.#rows.ofStream(id, from, to, { isForwards, maxBytes });
    const positions = tail.slice(from - indexedVersion - 1, to - indexedVersion);
    return this.#rows.at(isForwards ? positions : positions.reverse(), { maxBytes });
  }
}

/** How the events that indexes lead to are taken. */
export interface ListedOptions {
  readonly file: string;
  readonly rows: EventRows;
  readonly sources: EntrySources;
  /** Of indexed events. */
  readonly list: List;
  /** Positions in the tail that may be of interest, ascending. Called once, if the read gets there. */
  readonly tail: () => readonly number[];
  /** Positions. */
  readonly range: Range;
  readonly isForwards: boolean;
  readonly budget: Budget;
  /** In which a page goes on by version; null: by position. */
  readonly stream: StreamHead | null;
}

const NO_CLAIMS: readonly EntrySource[] = [];

/** The events that lists and the tail name. */
export class ListedWalk implements Walk {
  readonly #options: ListedOptions;
  readonly #sign: 1 | -1;
  readonly #endKey: number;
  #key: number;
  #tail: readonly number[] | null = null;
  #tailAt = 0;
  #isListed = false;
  /** Found and not fetched. */
  #found: Found[] = [];

  constructor(options: ListedOptions) {
    const { range, isForwards } = options;
    this.#options = options;
    this.#sign = isForwards ? 1 : -1;
    this.#key = isForwards ? range.low : -range.high;
    this.#endKey = isForwards ? range.high : -range.low;
  }

  next(most: number, maxBytes: number): StoredRow[] | null {
    if (this.#found.length === 0) this.#gather(Math.min(most, MAX_BATCH));
    const found = this.#found;
    if (found.length === 0) {
      this.#checkNeighbours(this.#endKey);
      return null;
    }
    const fetched = this.#fetch(found, maxBytes);
    this.#found = found.slice(fetched.length);
    return fetched;
  }

  after(row: StoredRow): number | null {
    const { stream, sources, isForwards, range } = this.#options;
    if (stream === null) return step(row.position, range, isForwards);
    const version =
      row.stream === stream.id ? row.version : sources.versionIn(stream, row.position) - (isForwards ? 1 : 0);
    return step(version, { low: stream.first, high: stream.version }, isForwards);
  }

  #fetch(found: readonly Found[], maxBytes: number): StoredRow[] {
    const { rows, budget } = this.#options;
    const positions = found.map(({ position }) => position);
    const fetched = rows.at(positions, { maxBytes });
    spend(budget, fetched);
    for (let i = 0; i < fetched.length; i++) this.#check(found[i]!, fetched[i]!);
    return fetched;
  }

  /** An entry that was changed into another would hide the event that it led to before. */
  #check({ claims, position }: Found, row: StoredRow): void {
    const wrong = claims.find((source) => !source.holds(row));
    if (wrong === undefined) return;
    throw damaged(this.#options.file, `an entry of the index of ${wrong.what} leads to another event`, position);
  }

  /** @param endKey of the range; `END` where it has not been reached */
  #checkNeighbours(endKey: number): void {
    const found: Found[] = [];
    this.#options.list.neighbours(endKey, found);
    for (const one of found) this.#fetch([one], 1);
  }

  #gather(most: number): void {
    const { budget, list } = this.#options;
    while (this.#found.length < most && this.#key <= this.#endKey) {
      const isTail = this.#gatherOne(list);
      if (!isTail && budget.isSpent) return;
    }
  }

  /** The tail comes after what is indexed, or before it. */
  #gatherOne(list: List): boolean {
    const { isForwards } = this.#options;
    const key = this.#key;
    const inTail = isForwards ? END : this.#seekTail(key);
    const listed = inTail === END ? this.#seekList(list, key) : END;
    const found = inTail !== END ? inTail : listed !== END ? listed : isForwards ? this.#seekTail(key) : END;
    this.#key = found + 1;
    if (found > this.#endKey) return false;
    const claims: EntrySource[] = [];
    if (found === listed) list.claims(found, claims);
    this.#found.push({ position: found * this.#sign, claims: claims.length === 0 ? NO_CLAIMS : claims });
    return found !== listed;
  }

  #seekList(list: List, key: number): number {
    const found = list.seek(key);
    if (!this.#isListed) this.#checkNeighbours(END);
    this.#isListed = true;
    return found;
  }

  #seekTail(key: number): number {
    const { tail, isForwards } = this.#options;
    this.#tail ??= isForwards ? tail() : tail().toReversed();
    while (this.#tailAt < this.#tail.length) {
      const found = this.#tail[this.#tailAt]! * this.#sign;
      if (found >= key) return found;
      this.#tailAt++;
    }
    return END;
  }
}
