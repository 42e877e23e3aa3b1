import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { PlexusError } from '@plexus/protocol';
import { damaged, faultOf } from './faults.ts';
import { checkFile, checkMissing, checkOwner } from './file-check.ts';
import { type NamedRow, Statement } from './statement.ts';

export { damaged } from './faults.ts';
export { type NamedRow, type RunResult, type SqlInput, type SqlValue, Statement } from './statement.ts';

export const PAGE_BYTES = 4096;
/** How long a statement waits for a lock of another connection: a checkpoint, or recovery at open. */
const BUSY_TIMEOUT_MS = 5000;
/** The write-ahead log is moved into the file when it has this many pages. */
const WAL_PAGES = 4096;
/** What the log's file is cut back to after it was moved. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

export interface DatabaseOptions {
  readonly file: string;
  /** A second connection, that only reads. Default false. The file must be there, and open for writing elsewhere. */
  readonly readOnly?: boolean;
  /** SQL that makes version i + 1 of the schema from version i. The version of a file is how many of them it has had. */
  readonly migrations: readonly string[];
  /** The write-ahead log's file may grow to this; then readers are waited for, shortly, to begin it anew. Default 256 MiB. */
  readonly maxWalBytes?: number;
  /** Of SQLite's page cache, per connection. Default 16 MiB. */
  readonly cacheBytes?: number;
  /** Tells our files from others: 32 bits, not 0. */
  readonly applicationId: number;
}

const DEFAULT_CACHE_BYTES = 16 * 1024 * 1024;
const DEFAULT_MAX_WAL_BYTES = 256 * 1024 * 1024;
/** Commits between two looks at the size of the log. */
const WAL_LOOK_EVERY = 64;
/** How long a commit may wait for readers to begin the log anew. */
const WAL_WAIT_MS = 50;

export interface LogPages {
  /** From its beginning. */
  readonly pages: number;
  /** Those of them that are not in the file yet. */
  readonly unmoved: number;
}

/** What a checkpoint says: `log`, pages in the log; `moved`, those of them that are in the file. */
type LogState = readonly [busy: number, log: number, moved: number];

/**
 * One connection to one SQLite file: write-ahead log, every commit on the disk before it is answered. Synchronous: it
 * belongs in a worker thread. Errors of the file and the disk are `store_full`, `store_damaged` and `store_unavailable`.
 */
export class Database implements Disposable {
  readonly file: string;
  readonly #db: DatabaseSync;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #logState: Statement<LogState>;
  readonly #maxWalBytes: number;
  #commits = 0;

  private constructor(db: DatabaseSync, { file, readOnly = false, maxWalBytes }: DatabaseOptions) {
    this.#db = db;
    this.file = file;
    this.#maxWalBytes = readOnly ? Number.POSITIVE_INFINITY : (maxWalBytes ?? DEFAULT_MAX_WAL_BYTES);
    this.#begin = this.prepare(readOnly ? 'BEGIN' : 'BEGIN IMMEDIATE');
    this.#commit = this.prepare('COMMIT');
    this.#rollback = this.prepare('ROLLBACK');
    this.#logState = this.prepareRows('PRAGMA wal_checkpoint(NOOP)');
  }

  /**
   * Opens the file, makes it if it is not there, and brings its schema up to date.
   * @throws {PlexusError} store_newer; store_damaged, also for a file that is no database of ours; store_full; store_unavailable
   */
  static open(options: DatabaseOptions): Database {
    const { file, readOnly = false, migrations, applicationId } = options;
    let opened: DatabaseSync | null = null;
    try {
      // A reader joins a file whose writer has looked already.
      if (!readOnly) checkBeforeOpen(file, applicationId);
      opened = new DatabaseSync(file, { readOnly, enableForeignKeyConstraints: false, timeout: BUSY_TIMEOUT_MS });
      configure(opened, options);
      const db = new Database(opened, options);
      if (!readOnly) db.#migrate(migrations, applicationId);
      db.#checkSchema(migrations, applicationId);
      return db;
    } catch (error) {
      opened?.close();
      throw faultOf(error, file);
    }
  }

  /** Rows come as objects. */
  prepare<Row = NamedRow>(sql: string): Statement<Row> {
    try {
      return new Statement<Row>(this.#db.prepare(sql), this.file);
    } catch (error) {
      throw faultOf(error, this.file);
    }
  }

  /** Rows come as arrays, in order of the columns: quicker, where there are many. */
  prepareRows<Row extends readonly unknown[]>(sql: string): Statement<Row> {
    try {
      const statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      return new Statement<Row>(statement, this.file);
    } catch (error) {
      throw faultOf(error, this.file);
    }
  }

  /** Runs statements that are used once. */
  exec(sql: string): void {
    try {
      this.#db.exec(sql);
    } catch (error) {
      throw faultOf(error, this.file);
    }
  }

  /**
   * Runs `fn` in one transaction: for writing at once, or of reads that all see the same. What it throws, or a commit that
   * fails, takes everything back. Not to be nested.
   */
  transaction<T>(fn: () => T): T {
    this.begin();
    try {
      const result = fn();
      this.commit();
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  /** For those who cannot put a transaction in one function; they end it with `commit` or `rollback`. */
  begin(): void {
    this.#begin.run();
  }

  /** If it throws, the transaction is still open unless SQLite has taken it back: call `rollback`. */
  commit(): void {
    this.#commit.run();
    if (++this.#commits % WAL_LOOK_EVERY === 0 && this.#maxWalBytes < this.walBytes) this.#restartWal();
  }

  /** Does nothing if SQLite has taken the transaction back by itself, as it does when the disk is full. */
  rollback(): void {
    if (this.#db.isTransaction) this.#rollback.run();
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** Bytes of the write-ahead log's file. */
  get walBytes(): number {
    return statSync(`${this.file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** What is in the write-ahead log. Not within a transaction. */
  get log(): LogPages {
    const [, pages, moved] = this.#logState.get()!;
    return { pages, unmoved: pages - moved };
  }

  /**
   * Moves the write-ahead log into the file. `passive`: what can be moved without waiting. `restart`: all of it, waiting for
   * readers, so that the log begins anew. `truncate`: and its file is emptied.
   * @returns whether nothing stood in the way
   */
  checkpoint(mode: 'passive' | 'restart' | 'truncate'): boolean {
    const row = this.prepareRows<LogState>(`PRAGMA wal_checkpoint(${mode})`).get()!;
    return row[0] === 0 && row[1] === row[2];
  }

  /** Idempotent. The last connection moves the log into the file and removes it. */
  close(): void {
    if (!this.#db.isOpen) return;
    try {
      this.rollback();
    } finally {
      this.#db.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** While readers come and go without a pause, SQLite writes on behind what it has long moved into the file. */
  #restartWal(): void {
    this.exec(`PRAGMA busy_timeout = ${WAL_WAIT_MS}`);
    try {
      this.checkpoint('restart');
    } catch {
      // The commit stands. It is tried again after others.
    }
    this.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }

  #pragma(name: string): number {
    return Number(Object.values(this.prepare(`PRAGMA ${name}`).get()!)[0]);
  }

  #migrate(migrations: readonly string[], applicationId: number): void {
    const found = this.#pragma('user_version');
    if (found === 0 && this.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) {
      throw damaged(this.file, 'it has tables and no schema version');
    }
    if (found >= migrations.length) return;
    if (found > 0) this.#checkApplication(applicationId);
    this.transaction(() => {
      for (const sql of migrations.slice(found)) this.exec(sql);
      this.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`);
    });
  }

  #checkApplication(applicationId: number): void {
    if (this.#pragma('application_id') !== applicationId) throw damaged(this.file, 'it is another program’s database');
  }

  /** A damaged page 1 can also make SQLite see other tables than there are. */
  #checkSchema(migrations: readonly string[], applicationId: number): void {
    this.#checkApplication(applicationId);
    const found = this.#pragma('user_version');
    const known = migrations.length;
    if (found > known) throw new PlexusError('store_newer', { file: this.file, found, known });
    if (found !== known) throw damaged(this.file, `its schema has version ${found}`);
    using expected = new DatabaseSync(':memory:');
    for (const sql of migrations) expected.exec(sql);
    const select = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name';
    const want = JSON.stringify(expected.prepare(select).all());
    if (JSON.stringify(this.prepare(select).all()) !== want)
      throw damaged(this.file, 'its schema is not as it was made');
  }
}

function checkBeforeOpen(file: string, applicationId: number): void {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    checkMissing(file);
    return;
  }
  // Before anything is set: the file of another program stays as it is.
  checkOwner(file, applicationId);
  checkFile(file, PAGE_BYTES);
}

function configure(db: DatabaseSync, { readOnly = false, cacheBytes = DEFAULT_CACHE_BYTES }: DatabaseOptions): void {
  db.exec(`
    PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)};
    PRAGMA temp_store = MEMORY;
    PRAGMA cell_size_check = ON;
    PRAGMA trusted_schema = OFF;
  `);
  if (readOnly) return;
  // The first two count only while the file is empty.
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;`);
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = ${WAL_PAGES};
    PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
  `);
}
