import type { Condition } from './read-filter.ts';
import { type EventRows, MAX_BATCH } from './read-rows.ts';
import type { StoreView } from './read-view.ts';
import type { StoredRow } from './stored-row.ts';

/** A tail that is larger than this, as one commit may make it for a moment, is not kept. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
const FETCH = { isForwards: true, maxBytes: Number.POSITIVE_INFINITY };
const NONE: readonly StoredRow[] = [];

/**
 * The events that no index has yet. They are looked through as they are in their frames, verified, and kept from one read to
 * the next: until it is indexed the tail only grows.
 */
export class TailRows {
  readonly #rows: EventRows;
  #kept: StoredRow[] = [];
  #keptBytes = 0;
  /** Where those kept begin. */
  #indexed = -1;

  constructor(rows: EventRows) {
    this.#rows = rows;
  }

  /** In order. Their buffers must not be given away. @throws {PlexusError} store_damaged */
  all(view: StoreView): readonly StoredRow[] {
    if (!view.hasTail) return NONE;
    if (view.indexed !== this.#indexed || this.#keptBytes > MAX_KEPT_BYTES) this.#begin(view.indexed);
    const kept = this.#kept;
    for (let next = this.#next; next <= view.lastPosition; next = this.#next) {
      for (const row of this.#rows.range(next, Math.min(next + MAX_BATCH - 1, view.lastPosition), FETCH)) {
        kept.push(row);
        this.#keptBytes += row.bytes;
      }
    }
    return kept;
  }

  /** Those of one stream. */
  ofStream(view: StoreView, stream: number): readonly StoredRow[] {
    return this.all(view).filter((row) => row.stream === stream);
  }

  /**
   * @param stream row id; null: whatever stream
   * @returns ascending positions of those for which the conditions hold
   */
  positions(view: StoreView, stream: number | null, conditions: readonly Condition[]): number[] {
    return this.all(view)
      .filter((row) => (stream === null || row.stream === stream) && conditions.every(({ holds }) => holds(row)))
      .map(({ position }) => position);
  }

  /** @param id 16 bytes @returns position of the event with this id, or null */
  positionOfId(view: StoreView, id: Uint8Array): number | null {
    return this.all(view).find((row) => row.hasId(id))?.position ?? null;
  }

  get #next(): number {
    return this.#indexed + 1 + this.#kept.length;
  }

  #begin(indexed: number): void {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#indexed = indexed;
  }
}
