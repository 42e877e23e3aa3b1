import { ByteSink } from '../lib/byte-sink.ts';
import type { StoredEvent } from '../store/event.ts';
import { writeFrame } from '../store/frame.ts';
import { RecordedEvent } from '../store/recorded-event.ts';

const FIRST_BYTES = 4096;

/** Events of one turn of the event loop on their way to another node, as a page of frames. */
export class EventBatch {
  count = 0;
  #sink: ByteSink | null = null;

  get bytes(): number {
    return this.#sink?.length ?? 0;
  }

  add(event: StoredEvent): void {
    if (!(event instanceof RecordedEvent)) throw new Error('stores give recorded events');
    const { position, version, timeUs } = event;
    this.#sink ??= new ByteSink(FIRST_BYTES);
    // Row ids are those of a file: nobody reads them on another node.
    writeFrame(this.#sink, { position, version, timeUs, stream: 0, type: 0, tags: [], part: 0 }, event.record);
    this.count++;
  }

  /** @returns what there is, for `decodePage`; it is empty after it */
  take(): { bytes: Uint8Array; count: number } {
    const page = { bytes: this.#sink?.take() ?? new Uint8Array(0), count: this.count };
    this.#sink = null;
    this.count = 0;
    return page;
  }
}
