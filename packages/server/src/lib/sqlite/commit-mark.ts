import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { damaged, faultOf } from './faults.ts';

/**
 * Little-endian. Version 2: 8 bytes "plexmark", 4 bytes version, 8 bytes position as a double, 8 bytes changes as a double,
 * 4 bytes CRC-32 of those before. Version 1 has neither version nor changes.
 */
const MAGIC = Buffer.from('plexmark');
const VERSION = 2;
const VERSION_AT = MAGIC.length;
const POSITION_AT = VERSION_AT + 4;
const CHANGES_AT = POSITION_AT + 8;
const SUM_AT = CHANGES_AT + 8;
const BYTES = SUM_AT + 4;
const BYTES_1 = 20;

/**
 * How far a file was acknowledged, beside it in `<file>.mark`: the last position, and how many commits have written what
 * no position tells of. Written after each commit, before the answer, and left to the system to bring to the disk: after a
 * loss of power it may be behind, or gone, but it is never ahead. So a file that ends before its mark has lost commits that
 * were acknowledged, whatever SQLite made of it.
 */
export class CommitMark implements Disposable {
  readonly #path: string;
  readonly #file: string;
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(BYTES);
  #marked: number | null = null;
  #changes = 0;

  private constructor(file: string) {
    this.#file = file;
    this.#path = CommitMark.pathOf(file);
    this.#fd = openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#read();
    MAGIC.copy(this.#bytes);
    this.#bytes.writeUInt32LE(VERSION, VERSION_AT);
  }

  static pathOf(file: string): string {
    return `${file}.mark`;
  }

  /** Opens the mark of `file`, or makes it. @throws {PlexusError} store_full, store_unavailable */
  static open(file: string): CommitMark {
    try {
      return new CommitMark(file);
    } catch (error) {
      throw faultOf(error, file);
    }
  }

  /** Forgets the mark: before a file is made anew. */
  static remove(file: string): void {
    rmSync(CommitMark.pathOf(file), { force: true });
  }

  /** The position in the mark; null: there is none that can be read. */
  get marked(): number | null {
    return this.#marked;
  }

  /** The commits without a position of their own that are in the mark; 0 if it cannot be read, or is of version 1. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * @param lastPosition that the file has
   * @param changes that it has had
   * @throws {PlexusError} store_damaged if the mark is beyond them
   */
  check(lastPosition: number, changes = 0): void {
    const marked = this.#marked;
    if (marked === null) return;
    const remedy = `if it is an older copy on purpose, remove ${this.#path}`;
    if (marked > lastPosition) {
      const problem = `it ends at position ${lastPosition}, but events up to ${marked} were acknowledged; ${remedy}`;
      throw damaged(this.#file, problem, lastPosition + 1);
    }
    if (this.#changes <= changes) return;
    const lost = this.#changes - changes;
    throw damaged(this.#file, `its last ${lost} commits without events were acknowledged and are lost; ${remedy}`);
  }

  /** To be called after a commit and before it is answered. Never fails: the commit stands without it. */
  write(position: number, changes = 0): void {
    const bytes = this.#bytes;
    bytes.writeDoubleLE(position, POSITION_AT);
    bytes.writeDoubleLE(changes, CHANGES_AT);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, SUM_AT)), SUM_AT);
    try {
      writeSync(this.#fd, bytes, 0, BYTES, 0);
      this.#marked = position;
      this.#changes = changes;
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

  #read(): void {
    const length = readSync(this.#fd, this.#bytes, 0, BYTES, 0);
    const bytes = this.#bytes.subarray(0, length);
    if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) return;
    if (isWhole(bytes, BYTES) && bytes.readUInt32LE(VERSION_AT) === VERSION) {
      this.#marked = bytes.readDoubleLE(POSITION_AT);
      this.#changes = bytes.readDoubleLE(CHANGES_AT);
    } else if (isWhole(bytes, BYTES_1)) this.#marked = bytes.readDoubleLE(MAGIC.length);
  }
}

/** Whether the first `length` bytes are there and end with their sum. */
function isWhole(bytes: Buffer, length: number): boolean {
  return bytes.length >= length && bytes.readUInt32LE(length - 4) === crc32(bytes.subarray(0, length - 4));
}
