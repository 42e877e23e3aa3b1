import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { Meta } from './meta.ts';

/** The store as one read sees it: everything that a transaction reads agrees with it. */
export class StoreView {
  /** Last position that the index tables have; -1: none. */
  readonly indexed: number;
  /** -1: the store is empty. */
  readonly lastPosition: number;

  constructor(indexed: number, lastPosition: number) {
    this.indexed = indexed;
    this.lastPosition = lastPosition;
  }

  get hasTail(): boolean {
    return this.indexed < this.lastPosition;
  }
}

/** Finds out how far a store and its indexes go. */
export class Views {
  readonly #file: string;
  readonly #meta: Meta;
  readonly #last: Statement<readonly [number | null]>;

  constructor(db: Database, meta: Meta) {
    this.#file = db.file;
    this.#meta = meta;
    this.#last = db.prepareRows('SELECT max(position) FROM events');
  }

  /** @throws {PlexusError} store_damaged */
  now(): StoreView {
    const indexed = this.#meta.number('indexed');
    const lastPosition = this.#last.get()![0] ?? -1;
    // The indexes follow the log: what they know must be there.
    if (indexed > lastPosition) throw damaged(this.#file, 'events are lost at the end', lastPosition + 1);
    return new StoreView(indexed, lastPosition);
  }
}
