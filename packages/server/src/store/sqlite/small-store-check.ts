import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { StoreView } from './read-view.ts';
import type { Slice, Verifier } from './verify.ts';
import type { Fault } from './verify-faults.ts';

/** Takes some hundred milliseconds. */
const DEFAULT_BYTES = 8 * 1024 * 1024;

/**
 * Damage to an index can make something seem not to be there, and where entries are not numbered nothing tells. Before
 * something is said not to be there, a store that is not large is therefore verified as a whole, once: what comes later was
 * written by a writer that is running. In a large store, only the entries next to the missing one are looked at.
 */
export class SmallStoreCheck {
  readonly #file: string;
  readonly #verifier: Verifier;
  readonly #bytes: Statement<readonly [number]>;
  readonly #smallBytes: number;
  #fault: Fault | null = null;
  #isDone = false;

  constructor(db: Database, verifier: Verifier, smallBytes = DEFAULT_BYTES) {
    this.#file = db.file;
    this.#verifier = verifier;
    this.#smallBytes = smallBytes;
    this.#bytes = db.prepareRows('SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()');
  }

  /** @throws {PlexusError} store_damaged */
  run(view: StoreView): void {
    if (!this.#isDone) {
      this.#fault = this.#bytes.get()![0] <= this.#smallBytes ? this.#firstFault(view) : null;
      this.#isDone = true;
    }
    if (this.#fault === null) return;
    const { where, problem, position } = this.#fault;
    throw damaged(this.#file, `${where}: ${problem}`, position);
  }

  #firstFault(view: StoreView): Fault | null {
    for (let from: number | null = 0; from !== null; ) {
      const slice: Slice = this.#verifier.slice(view, from);
      const [fault] = slice.faults;
      if (fault !== undefined) return fault;
      from = slice.next;
    }
    return null;
  }
}
