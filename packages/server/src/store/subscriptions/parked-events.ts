import type { Engine } from '../engine.ts';
import type { ParkedRecord, SubscriptionProgress } from '../operations.ts';
import type { ParkedEvent } from '../subscription.ts';
import { readHistory } from './history.ts';

/** Parked events of a page, read at a time. */
const PAGE = 1000;
/** Events that one listing shows at most. */
export const MAX_LISTED = 1000;

/** @returns the records of parked events after a position, in order */
export async function* parkedRecords(engine: Engine, name: string, from: number): AsyncGenerator<ParkedRecord> {
  for (let after: number | null = from; after !== null; ) {
    const page: ParkedPage = await engine.read('listParked', { name, after, limit: PAGE });
    yield* page.items;
    after = page.next;
  }
}

type ParkedPage = { readonly items: readonly ParkedRecord[]; readonly next: number | null };

/** @returns the records of those of `positions` that are parked, in order. @param positions null: all */
export async function* parkedAmong(
  engine: Engine,
  name: string,
  positions: readonly number[] | null,
): AsyncGenerator<ParkedRecord> {
  if (positions === null) yield* parkedRecords(engine, name, -1);
  else {
    for (const position of [...new Set(positions)].sort((a, b) => a - b)) {
      const { items } = await engine.read('listParked', { name, after: position - 1, limit: 1 });
      if (items[0]?.position === position) yield items[0];
    }
  }
}

/** A page of parked events with what they hold. */
export async function listParkedEvents(
  engine: Engine,
  name: string,
  after: number,
  limit: number,
): Promise<{ items: ParkedEvent[]; next: number | null }> {
  const page = await engine.read('listParked', { name, after, limit: Math.min(limit, MAX_LISTED) });
  const items: ParkedEvent[] = [];
  for (const { position, reason, attempts, parkedUs } of page.items) {
    const { events } = await readHistory(engine, {}, position, 1);
    items.push({ event: events[0]!, reason, attempts, parkedUs });
  }
  return { items, next: page.next };
}

/** Progress that does nothing but forget parked events. */
export const unparked = (name: string, unpark: readonly number[]): SubscriptionProgress => ({
  name,
  checkpoint: null,
  state: null,
  park: [],
  unpark,
});
