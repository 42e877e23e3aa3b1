import { ByteSink } from '../../lib/byte-sink.ts';
import { LineWriter } from './ndjson.ts';
import type { StoredRow } from './stored-row.ts';

const FIRST_BYTES = 16 * 1024;

/** Writes rows as lines of JSON, one behind the other. */
export class LinesPage {
  #sink: ByteSink | null = null;
  #lines: LineWriter | null = null;

  /** Bytes so far. */
  get length(): number {
    return this.#sink?.length ?? 0;
  }

  add({ buffer, recordStart, recordEnd, position, version, timeUs }: StoredRow): void {
    this.#sink ??= new ByteSink(FIRST_BYTES);
    this.#lines ??= new LineWriter(this.#sink);
    this.#lines.write(buffer, recordStart, recordEnd, position, version, timeUs);
  }

  /** To be called once, at the end. @returns what was added, in memory that nothing else is in, so that it may be transferred */
  take(): Buffer {
    return this.#sink === null ? Buffer.allocUnsafeSlow(0) : this.#sink.buffer.subarray(0, this.#sink.length);
  }
}
