import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { checkedRow, type EventRow, ROW_COLUMNS } from './event-row.ts';
import type { Heads } from './heads.ts';
import type { NameTable } from './name-table.ts';
import type { StoredRow } from './stored-row.ts';
import type { Tail } from './tail.ts';

export interface TailParts {
  readonly heads: Heads;
  readonly types: NameTable;
  readonly tags: NameTable;
  readonly tail: Tail;
}

/** What the last event says about the next. */
export interface LogEnd {
  /** -1: the store is empty. */
  readonly position: number;
  /** 0: the store is empty. */
  readonly timeUs: number;
}

/** Reads the end of the log: after a start, and after a commit that failed. */
export class TailLoader {
  readonly #file: string;
  readonly #parts: TailParts;
  readonly #last: Statement<EventRow>;
  readonly #after: Statement<EventRow>;

  constructor(db: Database, parts: TailParts) {
    this.#file = db.file;
    this.#parts = parts;
    this.#last = db.prepareRows(`SELECT ${ROW_COLUMNS} FROM events ORDER BY position DESC LIMIT 1`);
    this.#after = db.prepareRows(`SELECT ${ROW_COLUMNS} FROM events WHERE position > ? ORDER BY position`);
  }

  /** @throws {PlexusError} store_damaged */
  end(): LogEnd {
    const row = this.#last.get();
    if (row === undefined) return { position: -1, timeUs: 0 };
    const { position, timeUs } = checkedRow(this.#file, row);
    return { position, timeUs };
  }

  /**
   * Fills the tail, which is empty, and what goes with it.
   * @param indexed last position that the index tables have
   * @throws {PlexusError} store_damaged
   */
  load(indexed: number): void {
    const { tail } = this.#parts;
    tail.clear(indexed + 1);
    for (const row of this.#after.iterate(indexed)) {
      const stored = checkedRow(this.#file, row);
      if (stored.position !== tail.end) throw damaged(this.#file, 'an event is lost', tail.end);
      this.#add(stored);
    }
  }

  #add(row: StoredRow): void {
    const { heads, types, tags, tail } = this.#parts;
    const { position, event, buffer, recordStart, recordEnd, tagIds } = row;
    const head = heads.find(event.stream);
    if (head?.id !== row.stream || heads.advance(head, row.timeUs) !== row.version) {
      throw damaged(this.#file, `it does not follow on what is known of stream ${event.stream}`, position);
    }
    const type = types.use(event.type, position);
    const entries = event.tags.map((tag) => tags.use(tag, position));
    if (type.id !== row.type || entries.length !== tagIds.length || entries.some(({ id }, i) => id !== tagIds[i])) {
      throw damaged(this.#file, 'its type or its tags are not known by these names', position);
    }
    tail.add(buffer, recordStart, recordEnd, type, entries);
  }
}
