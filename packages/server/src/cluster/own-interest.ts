import { interestKey, isShared, shareValue } from './interest-keys.ts';
import type { FilterCount, OwnTable } from './ports.ts';

/** What this node wants, as the other nodes hear of it: one entry per filter, however many sessions have it. */
export class OwnInterest {
  readonly #table: OwnTable;

  constructor(table: OwnTable) {
    this.#table = table;
  }

  /** Filters, of all realms. */
  get filters(): number {
    return this.#table.size;
  }

  /**
   * So many sessions have `filter` now, which may begin with `$share/{group}/`; with none it is gone. Counts of filters that are not
   * shared do not travel: the others hear of the first session and of the last.
   */
  set(realm: string, filter: string, count: FilterCount): void {
    if (count.online + count.away === 0) this.delete(realm, filter);
    else this.#table.set(interestKey(realm, filter), isShared(filter) ? shareValue(count) : '');
  }

  delete(realm: string, filter: string): void {
    this.#table.delete(interestKey(realm, filter));
  }
}
