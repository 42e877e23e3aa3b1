import type { PlexusError } from '@plexus/protocol';
import { Fifo } from '../lib/fifo.ts';
import type { StoredEvent } from '../store/event.ts';
import { decodePage } from '../store/page.ts';
import { RecordedEvent } from '../store/recorded-event.ts';
import type { CatchUpOptions, StartFrom } from '../store/subscription.ts';
import { RETRY_TOTAL_MS } from './backoff.ts';
import type { Asked, RemoteRoute } from './remote-route.ts';
import { RemoteStream, type StreamOwner } from './remote-stream.ts';
import { decodeError } from './store-messages.ts';
import type { Fields } from './store-wire.ts';

/** What the other node may send ahead of what was taken here. */
export const READ_AHEAD_BYTES = 1024 * 1024;
/** What an event counts for besides its record: as much as its frame has around it. */
const FRAME_BYTES = 44;

interface Waiter {
  resolve(result: IteratorResult<StoredEvent>): void;
  reject(error: unknown): void;
}

/**
 * A catch-up reader at a store of another node. The queue that its options bound is there; here is only what was asked for ahead. When
 * the link breaks it goes on after the last event that came.
 */
export class RemoteCatchUp implements AsyncIterator<StoredEvent>, StreamOwner {
  readonly #options: CatchUpOptions;
  readonly #route: RemoteRoute;
  readonly #stream: RemoteStream;
  readonly #queue = new Fifo<StoredEvent>();
  readonly #waiters = new Fifo<Waiter>();
  #from: StartFrom;
  #heldBytes = 0;
  /** Bytes that were taken, and not yet asked for anew. */
  #taken = 0;
  /** How often it was lost since it had an event, or was told that it has all, and since when. */
  #losses = 0;
  #fruitlessSinceMs = 0;
  #hasStarted = false;
  #isOver = false;
  #error: unknown = null;
  /** Events in the queue in front of a word that all is there; -1: there is no such word. */
  #caughtUpAfter = -1;

  constructor(route: RemoteRoute, options: CatchUpOptions) {
    this.#options = options;
    this.#from = options.from;
    this.#route = route;
    this.#stream = new RemoteStream(route, this);
    options.signal?.addEventListener('abort', this.#onAbort);
    if (options.signal?.aborted === true) this.#onAbort();
  }

  /** Where another would go on; `now` only as long as the store has not said where that is. */
  get from(): StartFrom {
    return this.#from;
  }

  readonly #onAbort = (): void => {
    while (this.#queue.shift() !== undefined);
    this.#end(null);
  };

  next(): Promise<IteratorResult<StoredEvent>> {
    if (!this.#hasStarted && !this.#isOver) {
      this.#hasStarted = true;
      this.#open();
    }
    const event = this.#queue.shift();
    if (event !== undefined) {
      this.#took(event);
      return Promise.resolve({ value: event, done: false });
    }
    if (this.#isOver) return this.#over();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<StoredEvent>> {
    this.#onAbort();
    return { value: undefined, done: true };
  }

  asked(): Asked {
    const { selector, queueSize, whenFull } = this.#options;
    this.#taken = 0;
    const value = { selector, from: this.#from, queueSize, whenFull, credit: READ_AHEAD_BYTES - this.#heldBytes };
    return { op: 'catchUp', name: '', value, bytes: null };
  }

  onItem({ bytes, count, caughtUp, warn, end, error }: Fields): void {
    if (this.#isOver) return;
    if (bytes instanceof Uint8Array)
      for (const event of decodePage({ bytes, count: count as number })) this.#put(event);
    if (caughtUp === true) {
      this.#losses = 0;
      this.#caughtUpAfter = this.#queue.length;
      this.#tellCaughtUp();
    }
    if (Array.isArray(warn)) this.#call(() => this.#options.onWarning?.(warn[0] as number, warn[1] as number));
    if (end !== true) return;
    const fault = typeof error === 'string' ? decodeError(error) : null;
    if (fault?.code === 'shutting_down' || fault?.code === 'store_unavailable') this.onLost(fault);
    else this.#end(fault);
  }

  /** Goes on at once the first time, then with pauses, until it has brought nothing for as long as anything is tried again. */
  onLost(error: PlexusError): void {
    this.#caughtUpAfter = -1;
    const { clock } = this.#route;
    if (this.#losses++ === 0) this.#fruitlessSinceMs = clock.now();
    if (clock.now() - this.#fruitlessSinceMs > RETRY_TOTAL_MS) this.#end(error);
    else if (this.#losses === 1) this.#open();
    else clock.setTimeout(() => this.#open(), this.#route.backoffMs(this.#losses - 1));
  }

  #open(): void {
    if (this.#isOver) return;
    this.#stream.open().then(
      (result) => {
        const { from } = (result ?? {}) as { from?: number };
        if (this.#from === 'now' && from !== undefined) this.#from = from;
        this.#askFor();
      },
      (error: unknown) => this.#end(error),
    );
  }

  #put(event: StoredEvent): void {
    this.#from = event.position + 1;
    this.#losses = 0;
    this.#heldBytes += sizeOf(event);
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#queue.push(event);
    else {
      this.#took(event);
      waiter.resolve({ value: event, done: false });
    }
  }

  #took(event: StoredEvent): void {
    const bytes = sizeOf(event);
    this.#heldBytes -= bytes;
    this.#taken += bytes;
    this.#askFor();
    if (this.#caughtUpAfter > 0) this.#caughtUpAfter--;
    this.#tellCaughtUp();
  }

  /** As much as was taken, unless it is little. */
  #askFor(): void {
    if (this.#taken >= READ_AHEAD_BYTES / 2 && this.#stream.more({ credit: this.#taken })) this.#taken = 0;
  }

  #tellCaughtUp(): void {
    if (this.#caughtUpAfter !== 0) return;
    this.#caughtUpAfter = -1;
    this.#call(() => this.#options.onCaughtUp?.());
  }

  /** A callback that throws ends its reader, and nobody else's. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#end(error);
    }
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#stream.close();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      this.#over().then(waiter.resolve, waiter.reject);
  }

  /** The error is given once. */
  #over(): Promise<IteratorResult<StoredEvent>> {
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
  }
}

const sizeOf = (event: StoredEvent): number =>
  FRAME_BYTES + (event instanceof RecordedEvent ? event.size : event.bytes.length);
