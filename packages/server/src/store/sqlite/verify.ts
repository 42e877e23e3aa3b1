import type { Database } from '../../lib/sqlite/database.ts';
import type { VerifyReport } from '../reads.ts';
import type { Meta } from './meta.ts';
import type { StoreView } from './read-view.ts';
import { EventsCheck } from './verify-events.ts';
import { Faults } from './verify-faults.ts';
import { TablesCheck } from './verify-tables.ts';

export type Slice = VerifyReport & { readonly next: number | null };

/**
 * Compares everything in a store's file with everything else in it, a slice at a time: events first, by position, then the
 * other tables. Where a slice goes on is a position, or below 0 a step of the rest.
 */
export class Verifier {
  readonly #events: EventsCheck;
  readonly #tables: TablesCheck;

  constructor(db: Database, meta: Meta) {
    this.#events = new EventsCheck(db);
    this.#tables = new TablesCheck(db, meta);
  }

  slice(view: StoreView, from: number): Slice {
    const faults = new Faults();
    if (from >= 0) {
      const next = this.#events.check(view, from, faults);
      const events = Math.max(0, (next ?? view.lastPosition + 1) - from);
      return { events, streams: 0, faults: faults.list, next: next ?? -1 };
    }
    const { streams, next } = this.#tables.check(view, -1 - from, faults);
    return { events: 0, streams, faults: faults.list, next: next === null ? null : -1 - next };
  }
}
