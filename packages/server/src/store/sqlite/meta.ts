import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { rowChecksum } from './checksum.ts';

type Key = 'id' | 'indexed' | 'streams' | 'newestIdMs' | 'changes';
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
  number(key: Exclude<Key, 'id' | 'changes'>): number {
    return this.#number(key, this.#get(key));
  }

  /** Commits that have written anything but events; a file that has had none says nothing of it. @throws store_damaged */
  get changes(): number {
    return this.#number('changes', this.#get('changes') ?? 0);
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

  #number(key: Key, value: string | number | null): number {
    if (typeof value === 'number') return value;
    throw this.#damaged(key);
  }

  #damaged(key: Key): Error {
    return damaged(this.#file, `the fact "${key}" of the store differs from its checksum, or is lost`);
  }
}
