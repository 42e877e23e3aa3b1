import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { PAGE_BYTES } from './database.ts';
import { WAL_FRAME_HEADER_BYTES } from './wal-file.ts';

/** So much is written ahead at a time: 250 pages. More would hold up the commit that comes next, which brings it to the disk. */
const STEP_BYTES = 1024 * 1024;
/** It is time for more when so much is left. */
const LEAST_BYTES = 256 * 1024;
/** A log of this size is written over from its beginning before long. */
const ENOUGH_BYTES = 64 * 1024 * 1024;
const FRAME_BYTES = WAL_FRAME_HEADER_BYTES + PAGE_BYTES;
const ZEROS = Buffer.alloc(256 * 1024);

/**
 * Keeps zeros behind the end of a write-ahead log. A commit that has to make the file longer waits for the file system's
 * journal besides its own bytes: about twice as long as one that writes over what is there. SQLite takes zeros for the end of
 * the log.
 */
export class LogRoom {
  readonly #path: string;
  /** The log's file is as long as this, or longer. */
  #bytes = 0;

  /** @param file of the database */
  constructor(file: string) {
    this.#path = `${file}-wal`;
  }

  /**
   * To be called when nothing waits. Does something once in a few hundred pages; else it leaves
   * the file alone, since even a look at its size makes the next commit write the file's times too. Never fails.
   * @param pages in the log
   */
  tend(pages: number): void {
    try {
      this.#tend(pages * FRAME_BYTES);
    } catch {
      // A full disk: commits go on as long as they find room, and say so when they do not.
    }
  }

  /** @param used how far into the file the log reaches */
  #tend(used: number): void {
    if (used + LEAST_BYTES <= this.#bytes) return;
    const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    this.#bytes = size;
    // There is no log yet; or there is room.
    if (size === 0 || size >= ENOUGH_BYTES || used + LEAST_BYTES <= size) return;
    this.#bytes = Math.max(size, used) + STEP_BYTES;
    const fd = openSync(this.#path, 'r+');
    try {
      for (let at = size; at < this.#bytes; at += ZEROS.length) writeSync(fd, ZEROS, 0, ZEROS.length, at);
    } finally {
      closeSync(fd);
    }
  }
}
