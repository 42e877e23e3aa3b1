import { PlexusError } from '@plexus/protocol';
import type { StoredEvent } from '../store/event.ts';
import { EventBatch } from './event-batch.ts';
import type { ServedChannel, ServedStream } from './served-stream.ts';
import { jsonOf } from './store-messages.ts';
import type { Fields } from './store-wire.ts';

const FULL_BATCH_BYTES = 256 * 1024;
/** Most that another node may ask for ahead of what it was sent. */
const MAX_CREDIT_BYTES = 16 * 1024 * 1024;

/** What is sent of the events of a catch-up reader: as many bytes as were asked for, and the rest of the event that reaches that. */
export class ServedReader implements ServedStream {
  readonly #channel: ServedChannel;
  readonly #batch = new EventBatch();
  readonly #abort = new AbortController();
  #credit: number;
  #isFlushing = false;
  #wake: (() => void) | null = null;

  constructor(channel: ServedChannel, creditBytes: number) {
    this.#channel = channel;
    this.#credit = Math.min(creditBytes, MAX_CREDIT_BYTES);
  }

  /** Ends the reading. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async run(events: AsyncIterable<StoredEvent>): Promise<void> {
    let error: unknown = null;
    try {
      for await (const event of events) {
        this.#send(event);
        while (this.#credit <= 0 && !this.#channel.isOver) await this.#credited();
        if (this.#channel.isOver) return;
      }
    } catch (thrown) {
      error = thrown;
    }
    this.#flush();
    this.#channel.end({ error: error === null ? null : errorText(error) });
  }

  caughtUp(): void {
    this.#flush();
    this.#channel.item({ caughtUp: true });
  }

  warn(queued: number, bound: number): void {
    this.#channel.item({ warn: [queued, bound] });
  }

  more({ credit, close }: Fields): void {
    if (typeof credit === 'number' && credit > 0) this.#credit = Math.min(this.#credit + credit, MAX_CREDIT_BYTES);
    if (close === true) this.close();
    else this.#wake?.();
  }

  close(): void {
    this.#channel.end(null);
    this.#abort.abort();
    this.#wake?.();
  }

  #credited(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #send(event: StoredEvent): void {
    const before = this.#batch.bytes;
    this.#batch.add(event);
    this.#credit -= this.#batch.bytes - before;
    if (this.#batch.bytes >= FULL_BATCH_BYTES) this.#flush();
    else if (!this.#isFlushing) {
      this.#isFlushing = true;
      this.#channel.clock.setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#batch.count > 0) this.#channel.item(this.#batch.take() as unknown as Fields);
  }
}

function errorText(error: unknown): string {
  const known = error instanceof PlexusError ? error : new PlexusError('internal');
  return jsonOf({ code: known.code, details: known.details });
}
