import { closeSync, openSync, statSync, writeSync } from 'node:fs';

/** So much is written ahead at a time: a thousand pages. */
const STEP_BYTES = 4 * 1024 * 1024;
/** A log of this size is written over from its beginning before long. */
const ENOUGH_BYTES = 64 * 1024 * 1024;
const ZEROS = Buffer.alloc(256 * 1024);

/**
 * Keeps zeros behind the end of a write-ahead log. A commit that has to make the file longer waits for the file system's
 * journal besides its own bytes: about twice as long as one that writes over what is there. SQLite takes zeros for the end of
 * the log.
 */
export class LogRoom {
  readonly #path: string;
  /** Size of the log's file when it was last made longer here. */
  #bytes = 0;

  /** @param file of the database */
  constructor(file: string) {
    this.#path = `${file}-wal`;
  }

  /** To be called when nothing waits. Does something once in a thousand pages. Never fails. */
  tend(): void {
    const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    // SQLite has gone past what was there; or there is no log yet.
    if (size === 0 || size <= this.#bytes || size >= ENOUGH_BYTES) return;
    this.#bytes = size + STEP_BYTES;
    try {
      const fd = openSync(this.#path, 'r+');
      try {
        for (let at = size; at < this.#bytes; at += ZEROS.length) writeSync(fd, ZEROS, 0, ZEROS.length, at);
      } finally {
        closeSync(fd);
      }
    } catch {
      // A full disk: commits go on as long as they find room, and say so when they do not.
    }
  }
}
