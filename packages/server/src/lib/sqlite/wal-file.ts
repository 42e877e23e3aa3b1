import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

/** https://www.sqlite.org/fileformat2.html#walformat */
const HEADER_BYTES = 32;
export const WAL_FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
const VERSION = 3_007_000;

/** The two running sums of the log's checksum: fileformat2 §4.2. */
export interface Sums {
  readonly a: number;
  readonly b: number;
}

export interface WalHeader {
  readonly pageBytes: number;
  readonly salt1: number;
  readonly salt2: number;
  /** As it stands there, and as its bytes come to: they differ if it is damaged. */
  readonly stored: Sums;
  readonly computed: Sums;
  /** Whether the sums run over big-endian words. */
  readonly bigEndian: boolean;
  readonly isValid: boolean;
}

export interface WalFrame {
  /** From 0. */
  readonly index: number;
  readonly page: number;
  /** Pages of the database after the commit that this frame ends; 0: it ends none. */
  readonly commitPages: number;
  readonly salt1: number;
  readonly salt2: number;
  readonly stored: Sums;
  /** @returns what the sums are after this frame if they were `seed` before it */
  sumsFrom(seed: Sums): Sums;
}

export const sameSums = (one: Sums, other: Sums): boolean => one.a === other.a && one.b === other.b;

function sum(bytes: DataView, from: number, to: number, bigEndian: boolean, seed: Sums): Sums {
  let { a, b } = seed;
  for (let at = from; at < to; at += 8) {
    a = (a + bytes.getInt32(at, !bigEndian) + b) | 0;
    b = (b + bytes.getInt32(at + 4, !bigEndian) + a) | 0;
  }
  return { a, b };
}

/** A write-ahead log, read from front to back. Says what stands in it and judges nothing. */
export class WalFile implements Disposable {
  readonly header: WalHeader;
  readonly #fd: number;
  readonly #frame: DataView;
  readonly #bytes: Buffer;

  private constructor(fd: number, header: WalHeader) {
    this.#fd = fd;
    this.header = header;
    this.#bytes = Buffer.alloc(WAL_FRAME_HEADER_BYTES + header.pageBytes);
    this.#frame = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  }

  /**
   * @param pageBytes to go by if the header is damaged
   * @returns null if there is no log, or one without a whole header
   */
  static open(path: string, pageBytes: number): WalFile | null {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    const bytes = Buffer.alloc(HEADER_BYTES);
    if (readSync(fd, bytes, 0, HEADER_BYTES, 0) === HEADER_BYTES) return new WalFile(fd, readHeader(bytes, pageBytes));
    closeSync(fd);
    return null;
  }

  /** Whole frames, valid or not. A frame is gone when the next is asked for. */
  *frames(): Generator<WalFrame, void, undefined> {
    const { bigEndian, pageBytes } = this.header;
    const size = WAL_FRAME_HEADER_BYTES + pageBytes;
    for (let index = 0; ; index++) {
      if (readSync(this.#fd, this.#bytes, 0, size, HEADER_BYTES + index * size) < size) return;
      const view = this.#frame;
      yield {
        index,
        page: view.getUint32(0),
        commitPages: view.getUint32(4),
        salt1: view.getUint32(8),
        salt2: view.getUint32(12),
        stored: { a: view.getInt32(16), b: view.getInt32(20) },
        sumsFrom: (seed) => sum(view, WAL_FRAME_HEADER_BYTES, size, bigEndian, sum(view, 0, 8, bigEndian, seed)),
      };
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function readHeader(bytes: Buffer, pageBytes: number): WalHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint32(0);
  const stored = { a: view.getInt32(24), b: view.getInt32(28) };
  const saysBigEndian = magic === MAGIC + 1;
  const computed = sum(view, 0, 24, saysBigEndian, { a: 0, b: 0 });
  const isValid =
    (magic === MAGIC || saysBigEndian) &&
    view.getUint32(4) === VERSION &&
    view.getUint32(8) === pageBytes &&
    sameSums(stored, computed);
  // A damaged header may say the wrong order. SQLite writes in that of the machine, which is nearly always this kind.
  const bigEndian = isValid ? saysBigEndian : endianness() === 'BE';
  const [salt1, salt2] = [view.getUint32(16), view.getUint32(20)];
  return { pageBytes, salt1, salt2, stored, computed, bigEndian, isValid };
}
