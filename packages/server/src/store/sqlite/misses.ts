import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { EVENT_ID } from './schema.ts';

/**
 * Doubts what a unique index says is not there. A changed bit in a key hides its row from whoever looks for it, and leaves the
 * entry where the search ends, as a neighbour that no longer goes with its row. So both neighbours are compared with
 * their rows before the writer believes that something is new.
 */
export class NameMisses {
  readonly #file: string;
  readonly #table: string;
  readonly #around: readonly Statement<readonly [id: number, name: string]>[];
  readonly #row: Statement<readonly [name: string]>;

  constructor(db: Database, table: 'streams' | 'types' | 'tags') {
    this.#file = db.file;
    this.#table = table;
    // Of these columns the index has both: the rows are not looked at.
    this.#around = [
      db.prepareRows(`SELECT id, name FROM ${table} WHERE name < ? ORDER BY name DESC LIMIT 1`),
      db.prepareRows(`SELECT id, name FROM ${table} WHERE name > ? ORDER BY name LIMIT 1`),
    ];
    this.#row = db.prepareRows(`SELECT name FROM ${table} NOT INDEXED WHERE id = ?`);
  }

  /** @throws {PlexusError} store_damaged */
  check(name: string): void {
    for (const statement of this.#around) {
      const neighbour = statement.get(name);
      if (neighbour === undefined || this.#row.get(neighbour[0])?.[0] === neighbour[1]) continue;
      throw damaged(this.#file, `an entry of the index of ${this.#table} differs from its row`);
    }
  }
}

/** The same for the index of event ids. */
export class IdMisses {
  readonly #file: string;
  readonly #around: readonly Statement<readonly [id: Uint8Array, position: number]>[];
  readonly #row: Statement<readonly [id: Uint8Array]>;

  constructor(db: Database) {
    this.#file = db.file;
    this.#around = [
      db.prepareRows('SELECT id, position FROM id_index WHERE id < ? ORDER BY id DESC LIMIT 1'),
      db.prepareRows('SELECT id, position FROM id_index WHERE id > ? ORDER BY id LIMIT 1'),
    ];
    this.#row = db.prepareRows(`SELECT ${EVENT_ID} FROM events WHERE position = ?`);
  }

  /** @throws {PlexusError} store_damaged */
  check(id: Buffer): void {
    for (const statement of this.#around) {
      const neighbour = statement.get(id);
      if (neighbour === undefined) continue;
      const [key, position] = neighbour;
      const stored = this.#row.get(position)?.[0];
      if (stored !== undefined && key instanceof Uint8Array && Buffer.compare(stored, key) === 0) continue;
      throw damaged(this.#file, 'an entry of the index of ids differs from its event', position);
    }
  }
}
