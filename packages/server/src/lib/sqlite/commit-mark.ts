import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { damaged } from './faults.ts';

/** Little-endian: 8 bytes "plexmark", 8 bytes position as a double, 4 bytes CRC-32 of those before. */
const MAGIC = Buffer.from('plexmark');
const BYTES = 20;

/**
 * How far a file was acknowledged, beside it in `<file>.mark`. Written after each commit, before the answer, and left to the
 * system to bring to the disk: after a loss of power it may be behind, or gone, but it is never ahead. So a file that ends
 * before its mark has lost commits that were acknowledged, whatever SQLite made of it.
 */
export class CommitMark implements Disposable {
  readonly #path: string;
  readonly #file: string;
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(BYTES);
  #marked: number | null;

  private constructor(file: string) {
    this.#file = file;
    this.#path = CommitMark.pathOf(file);
    this.#fd = openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#marked = this.#read();
    MAGIC.copy(this.#bytes);
  }

  static pathOf(file: string): string {
    return `${file}.mark`;
  }

  /** Opens the mark of `file`, or makes it. */
  static open(file: string): CommitMark {
    return new CommitMark(file);
  }

  /** Forgets the mark: before a file is made anew. */
  static remove(file: string): void {
    rmSync(CommitMark.pathOf(file), { force: true });
  }

  /** The position in the mark; null: there is none that can be read. */
  get marked(): number | null {
    return this.#marked;
  }

  /**
   * @param lastPosition that the file has
   * @throws {PlexusError} store_damaged if the mark is beyond it
   */
  check(lastPosition: number): void {
    const marked = this.#marked;
    if (marked === null || marked <= lastPosition) return;
    const problem =
      `it ends at position ${lastPosition}, but events up to ${marked} were acknowledged; ` +
      `if it is an older copy on purpose, remove ${this.#path}`;
    throw damaged(this.#file, problem, lastPosition + 1);
  }

  /** To be called after a commit and before it is answered. Never fails: the commit stands without it. */
  write(position: number): void {
    const bytes = this.#bytes;
    bytes.writeDoubleLE(position, MAGIC.length);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, BYTES - 4)), BYTES - 4);
    try {
      writeSync(this.#fd, bytes, 0, BYTES, 0);
      this.#marked = position;
    } catch {
      // The disk is full or broken. A mark that is behind guards less, and harms nothing.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(): number | null {
    const bytes = this.#bytes;
    if (readSync(this.#fd, bytes, 0, BYTES, 0) < BYTES) return null;
    const isWhole = bytes.readUInt32LE(BYTES - 4) === crc32(bytes.subarray(0, BYTES - 4));
    return isWhole && MAGIC.equals(bytes.subarray(0, MAGIC.length)) ? bytes.readDoubleLE(MAGIC.length) : null;
  }
}
