import type { Database } from '../../lib/sqlite/database.ts';
import type { EventFilter, Page, ReadRequest } from '../reads.ts';
import { FramesPage } from './frames-page.ts';
import { LinesPage } from './lines-page.ts';
import { type Condition, conditionsOf } from './read-filter.ts';
import { Budget } from './read-lists.ts';
import { planOf } from './read-plan.ts';
import { type EventRows, MAX_BATCH } from './read-rows.ts';
import type { StreamHead } from './read-streams.ts';
import type { StoreTables } from './read-tables.ts';
import type { StoreView } from './read-view.ts';
import { ListedWalk, type Range, StoreWalk, StreamWalk, type Walk } from './read-walks.ts';
import type { StoredRow } from './stored-row.ts';

/** Fetched at a time where a filter looks at it. */
const FILTERED_BYTES = 1024 * 1024;
/** About 10 ms. */
const PAGE_UNITS = 64_000;
/** Going by an index costs so many times what going through everything does, per event. */
const LISTED_COST = 3;
/** Much of what an index of tags or types leads to may belong to other streams. */
const LISTED_COST_IN_STREAM = 16;

/** Reads pages of events. */
export class EventReader {
  readonly #tables: StoreTables;
  readonly #file: string;
  readonly #pageUnits: number;

  constructor(db: Database, tables: StoreTables, pageUnits = PAGE_UNITS) {
    this.#pageUnits = pageUnits;
    this.#file = db.file;
    this.#tables = tables;
  }

  /** @throws {PlexusError} stream_not_found, stream_deleted, stream_tombstoned, store_damaged */
  read(view: StoreView, request: ReadRequest): Page {
    const { streams } = this.#tables;
    const head = request.stream === null ? null : streams.readable(view, request.stream);
    const conditions = conditionsOf(request.filter, this.#tables);
    if (head !== null && conditions.length > 0) conditions.push(inStream(head));
    const budget = new Budget(this.#pageUnits);
    const isNever = conditions.some((condition) => condition.isNever);
    const walk = isNever ? null : this.#walk(view, request, head, conditions, budget);
    return walk === null
      ? { bytes: Buffer.allocUnsafeSlow(0), count: 0, next: null, lastPosition: view.lastPosition }
      : pageOf(walk, request, conditions, budget, view);
  }

  #walk(
    view: StoreView,
    request: ReadRequest,
    head: StreamHead | null,
    conditions: readonly Condition[],
    budget: Budget,
  ): Walk | null {
    const { rows, sources, believe } = this.#tables;
    const { filter, direction, from } = request;
    const isForwards = direction === 'forwards';
    const within = this.#times(view, filter);
    const places = head === null ? within : this.#versions(view, head, within);
    const range = cut(places, from, isForwards);
    if (range.low > range.high) return null;
    const list = planOf(conditions, { file: this.#file, isForwards, budget, believe });
    const cost = head === null ? LISTED_COST : LISTED_COST_IN_STREAM;
    if (list === null || list.estimate * cost > range.high - range.low + 1) {
      return head === null
        ? new StoreWalk(rows, range, isForwards, budget)
        : new StreamWalk(rows, head, range, isForwards, budget);
    }
    return new ListedWalk({
      ...{ file: this.#file, rows, sources, list, isForwards, budget, stream: head },
      tail: () => this.#tables.tail.positions(view, head?.id ?? null, conditions),
      range: head === null ? range : this.#positions(head, range),
    });
  }

  /** Positions of what was written within the times. */
  #times(view: StoreView, { sinceUs, untilUs }: EventFilter): Range {
    const { rows } = this.#tables;
    return {
      low: sinceUs === undefined ? 0 : firstAfter(rows, view, sinceUs - 1),
      high: untilUs === undefined ? view.lastPosition : firstAfter(rows, view, untilUs) - 1,
    };
  }

  /** Versions that may be read, of those at the positions. */
  #versions(view: StoreView, head: StreamHead, { low, high }: Range): Range {
    const { sources } = this.#tables;
    return {
      low: Math.max(head.first, low === 0 ? 0 : sources.versionIn(head, low)),
      high: high >= view.lastPosition ? head.version : sources.versionIn(head, high + 1) - 1,
    };
  }

  /** From the first version to the last. */
  #positions(head: StreamHead, { low, high }: Range): Range {
    const { sources } = this.#tables;
    return { low: sources.positionIn(head, low), high: sources.positionIn(head, high) };
  }
}

/** For those that an index leads to. */
function inStream({ id }: StreamHead): Condition {
  return { holds: (row) => row.stream === id, index: null, isNever: false };
}

/** @returns the part of `range` from `from` on */
function cut({ low, high }: Range, from: number | null, isForwards: boolean): Range {
  if (from === null) return { low, high };
  return isForwards ? { low: Math.max(low, from), high } : { low, high: Math.min(high, from) };
}

/** @returns the first position after a time; last position + 1: there is none */
export function firstAfter(rows: EventRows, { lastPosition }: StoreView, timeUs: number): number {
  let low = 0;
  let high = lastPosition + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (rows.one(middle).timeUs > timeUs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The bytes of a page, as they come together. */
interface GrowingPage {
  /** Bytes so far. */
  readonly length: number;
  add(row: StoredRow): void;
  take(): Buffer;
}

/** Takes what matches from a walk until the page is full or has cost enough. */
function pageOf(
  walk: Walk,
  request: ReadRequest,
  conditions: readonly Condition[],
  budget: Budget,
  { lastPosition }: StoreView,
): Page {
  // A page that looks at nothing would go on where it began.
  const limit = Math.max(request.limit, 1);
  const maxBytes = Math.max(request.maxBytes, 1);
  const page: GrowingPage = request.form === 'frames' ? new FramesPage() : new LinesPage();
  let count = 0;
  for (;;) {
    const most = conditions.length === 0 ? Math.min(MAX_BATCH, limit - count) : MAX_BATCH;
    // Of what a filter leaves out nobody knows how much it is.
    const room = maxBytes - page.length;
    const rows = walk.next(most, conditions.length === 0 ? room : Math.max(room, FILTERED_BYTES));
    if (rows === null) return { bytes: page.take(), count, next: null, lastPosition };
    let last = rows.at(-1)!;
    let isFull = budget.isSpent;
    for (const row of rows) {
      if (conditions.length > 0 && !conditions.every((condition) => condition.holds(row))) continue;
      page.add(row);
      if (++count < limit && page.length < maxBytes) continue;
      last = row;
      isFull = true;
      break;
    }
    if (isFull) return { bytes: page.take(), count, next: walk.after(last), lastPosition };
  }
}
