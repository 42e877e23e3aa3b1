import { DatabaseSync } from 'node:sqlite';

/** https://www.sqlite.org/rescode.html#busy */
const BUSY = 5;

/** One that nobody refers to would be closed, and its lock lost. */
const held = new Set<DatabaseSync>();

/**
 * A lock of the kernel on an empty file, until it is released or the process is gone, however it ends. Unlike a process id
 * it means the same in every container that sees the file. Node has no locks of its own; SQLite has. The file is not
 * removed: whoever had it open already would then have a lock on nothing.
 */
export class KernelLock implements Disposable {
  readonly #db: DatabaseSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    held.add(db);
  }

  /**
   * Takes the lock, and makes the file.
   * @returns null if another process has it, or this one
   * @throws the error of SQLite, if the file cannot be opened or locked
   */
  static take(path: string): KernelLock | null {
    const db = new DatabaseSync(path, { timeout: 0 });
    try {
      db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      return new KernelLock(db);
    } catch (error) {
      db.close();
      if (((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY) return null;
      throw error;
    }
  }

  /** Idempotent. */
  release(): void {
    if (held.delete(this.#db)) this.#db.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
