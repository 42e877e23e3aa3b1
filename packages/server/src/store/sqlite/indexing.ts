import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { EarlierAppends } from './earlier-appends.ts';
import { entrySumSql } from './entry-sum.ts';
import type { Heads } from './heads.ts';
import type { Meta } from './meta.ts';
import type { NameTable } from './name-table.ts';
import { EVENT_ID } from './schema.ts';
import type { Tail } from './tail.ts';

/** https://www.sqlite.org/rescode.html#constraint */
const CONSTRAINT = 19;

/**
 * One per index table, but those of types and tags: its entries for the events from one position to another. In the order
 * of the table, since that touches each of its pages once. `OR ROLLBACK`, since all is taken back if any of it fails: without it
 * SQLite copies every page before it changes it, to be able to take back the one statement, and takes more than twice as long.
 */
const STEPS = [
  `INSERT OR ROLLBACK INTO stream_index (stream, version, position, sum)
   SELECT stream, version, position, ${entrySumSql('stream', 'position', 'version')} FROM events WHERE position BETWEEN ? AND ? ORDER BY stream, version`,
  `INSERT OR ROLLBACK INTO id_index (id, position)
   SELECT ${EVENT_ID}, position FROM events WHERE position BETWEEN ? AND ? ORDER BY 1`,
  `INSERT OR ROLLBACK INTO correlation_index (correlation, position)
   SELECT correlation, position FROM events
   WHERE position BETWEEN ? AND ? AND correlation IS NOT NULL ORDER BY correlation, position`,
  `INSERT OR ROLLBACK INTO causation_index (causation, position)
   SELECT causation, position FROM events
   WHERE position BETWEEN ? AND ? AND causation IS NOT NULL ORDER BY causation, position`,
] as const;

export interface IndexingParts {
  readonly meta: Meta;
  readonly heads: Heads;
  readonly types: NameTable;
  readonly tags: NameTable;
  readonly tail: Tail;
  readonly earlier: EarlierAppends;
}

/** Brings the index tables up to the end of the log. */
export class Indexing {
  readonly #file: string;
  readonly #parts: IndexingParts;
  readonly #steps: readonly Statement[];

  constructor(db: Database, parts: IndexingParts) {
    this.#file = db.file;
    this.#parts = parts;
    this.#steps = STEPS.map((sql) => db.prepare(sql));
  }

  /** In the transaction that is open; if that fails, everything in memory must be loaded anew. */
  run(): void {
    const { meta, heads, types, tags, tail, earlier } = this.#parts;
    const last = tail.end - 1;
    this.#guard(() => {
      for (const step of this.#steps) step.run(tail.start, last);
      heads.index();
      types.index();
      tags.index();
    });
    if (tail.newestIdMs > earlier.newestIndexedMs) {
      earlier.newestIndexedMs = tail.newestIdMs;
      meta.set('newestIdMs', tail.newestIdMs);
    }
    meta.set('indexed', last);
    tail.clear(last + 1);
  }

  #guard(write: () => void): void {
    try {
      write();
    } catch (error) {
      // Entries that are there already, or that a table would not take: not from what we have written.
      const isConstraint =
        error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === CONSTRAINT;
      if (!isConstraint) throw error;
      throw damaged(this.#file, `the log does not go with an index: ${error.message}`, this.#parts.tail.start);
    }
  }
}
