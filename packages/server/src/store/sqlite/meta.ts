import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { rowChecksum } from './checksum.ts';

type Key = 'id' | 'indexed' | 'streams' | 'newestIdMs';
type Row = readonly [value: string | number, checksum: number];

/** The facts about a store as a whole: see `SCHEMA`. Every read is verified. */
export class Meta {
  readonly #file: string;
  readonly #select: Statement<Row>;
  readonly #replace: Statement;

  constructor(db: Database) {
    this.#file = db.file;
    this.#select = db.prepareRows('SELECT value, checksum FROM meta WHERE key = ?');
    this.#replace = db.prepare('INSERT OR REPLACE INTO meta (key, value, checksum) VALUES (?, ?, ?)');
  }

  /** @returns null in a file that was just made */
  get id(): string | null {
    const value = this.#get('id');
    if (value !== null && typeof value !== 'string') throw this.#damaged('id');
    return value;
  }

  /** @throws {PlexusError} store_damaged, also if it is not there */
  number(key: Exclude<Key, 'id'>): number {
    const value = this.#get(key);
    if (typeof value !== 'number') throw this.#damaged(key);
    return value;
  }

  set(key: Key, value: string | number): void {
    this.#replace.run(key, value, rowChecksum('meta', key, value));
  }

  #get(key: Key): string | number | null {
    const row = this.#select.get(key);
    if (row === undefined) return null;
    if (rowChecksum('meta', key, row[0]) !== row[1]) throw this.#damaged(key);
    return row[0];
  }

  #damaged(key: Key): Error {
    return damaged(this.#file, `the fact "${key}" of the store differs from its checksum, or is lost`);
  }
}
