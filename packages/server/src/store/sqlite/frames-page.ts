import type { StoredRow } from './stored-row.ts';

/** A page that takes up less than this part of what was fetched for it is copied, so that the rest can go. */
const WORTH_KEEPING = 0.5;
const NOTHING = Buffer.alloc(0);

/**
 * Puts the frames of rows one behind the other. What was fetched in one piece and is wanted as a whole stays where it is: most
 * pages are sent as SQLite has handed them over.
 */
export class FramesPage {
  readonly #pieces: Buffer[] = [];
  #buffer: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  add({ buffer, start, end }: StoredRow): void {
    this.#length += end - start;
    if (buffer === this.#buffer && start === this.#end) {
      this.#end = end;
      return;
    }
    this.#cut();
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  /** @returns what was added, in memory that nothing else is in, so that it may be transferred */
  take(): Buffer {
    this.#cut();
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only!.length >= only!.buffer.byteLength * WORTH_KEEPING) return only!;
    const page = Buffer.allocUnsafeSlow(this.#length);
    let at = 0;
    for (const piece of this.#pieces) at += piece.copy(page, at);
    return page;
  }

  #cut(): void {
    if (this.#end > this.#start) this.#pieces.push(this.#buffer.subarray(this.#start, this.#end));
  }
}

/** @returns a page of them */
export function framesOf(rows: readonly StoredRow[]): Buffer {
  const frames = new FramesPage();
  for (const row of rows) frames.add(row);
  return frames.take();
}
