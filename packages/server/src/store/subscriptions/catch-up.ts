import { PlexusError } from '@plexus/protocol';
import { Fifo } from '../../lib/fifo.ts';
import type { StoredEvent } from '../event.ts';
import { checkSelector } from '../selectors/check-selector.ts';
import type { CatchUpOptions, FullPolicy } from '../subscription.ts';
import { checkStart, checkWhenFull, checkWhole, DEFINITION_LIMITS, firstPosition } from './definition.ts';
import { heldBytes } from './event-ring.ts';
import { FillWarning, logFilling } from './fill-warning.ts';
import { Follower, type FollowerTarget } from './follower.ts';
import type { SubscriptionParts } from './parts.ts';
import { MAX_QUEUE_BYTES } from './waiting-queue.ts';

const DEFAULT_QUEUE_SIZE = 1000;

interface Waiter {
  resolve(result: IteratorResult<StoredEvent>): void;
  reject(error: unknown): void;
}

/** What a service has to know of its readers. */
export interface ReaderSet {
  readonly parts: SubscriptionParts;
  readonly readers: Set<CatchUpReader>;
  /** How often the queue of one of them has passed 80 %. */
  warnings: number;
}

/** @returns the events, once: the place to begin is that of this call. @throws {PlexusError} bad_request */
export function catchUp(set: ReaderSet, options: CatchUpOptions): AsyncIterable<StoredEvent> {
  checkSelector(options.selector);
  checkStart(options.from);
  checkWhenFull(options.whenFull ?? 'block');
  checkWhole('queueSize', options.queueSize ?? DEFAULT_QUEUE_SIZE, ...DEFINITION_LIMITS.queueSize);
  const from = firstPosition(options.from, set.parts.engine.lastPosition);
  return { [Symbol.asyncIterator]: () => new CatchUpReader(set, options, from) };
}

/** Reads from somewhere in history into the present, at the pace of whoever iterates. */
export class CatchUpReader implements AsyncIterator<StoredEvent>, FollowerTarget {
  readonly #set: ReaderSet;
  readonly #options: CatchUpOptions;
  readonly #queueSize: number;
  readonly #whenFull: FullPolicy;
  readonly #queue = new Fifo<StoredEvent>();
  #queueBytes = 0;
  readonly #warning = new FillWarning();
  readonly #waiters = new Fifo<Waiter>();
  readonly #follower: Follower;
  /** Whether it lags, as far as `onCaughtUp` knows. */
  #isBehind = true;
  #isOver = false;
  #error: unknown = null;
  #hasStarted = false;

  constructor(set: ReaderSet, options: CatchUpOptions, from: number) {
    this.#set = set;
    this.#options = options;
    this.#queueSize = options.queueSize ?? DEFAULT_QUEUE_SIZE;
    this.#whenFull = options.whenFull ?? 'block';
    this.#follower = new Follower(set.parts, options.selector, from, this);
    set.readers.add(this);
    options.signal?.addEventListener('abort', this.#onAbort);
    if (options.signal?.aborted === true) this.#onAbort();
  }

  readonly #onAbort = (): void => {
    this.#drop();
    this.end(null);
  };

  next(): Promise<IteratorResult<StoredEvent>> {
    this.#start();
    const event = this.#shift();
    if (event !== undefined) {
      const result = Promise.resolve({ value: event, done: false as const });
      this.#tellCaughtUp();
      return result;
    }
    if (this.#isOver) return this.#over();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#tellCaughtUp();
    });
  }

  async return(): Promise<IteratorResult<StoredEvent>> {
    this.#drop();
    this.end(null);
    return { value: undefined, done: true };
  }

  #start(): void {
    if (this.#hasStarted || this.#isOver) return;
    this.#hasStarted = true;
    this.#follower.resume();
  }

  #shift(): StoredEvent | undefined {
    const event = this.#queue.shift();
    if (event === undefined) return undefined;
    this.#queueBytes -= heldBytes(event);
    this.#warning.falls(this.#queue.length, this.#queueSize);
    const isRoomy = this.#queue.length <= this.#queueSize >> 1 && this.#queueBytes <= MAX_QUEUE_BYTES >> 1;
    if (isRoomy && this.#follower.isBlocked && !this.#isOver) this.#follower.resume();
    return event;
  }

  /** What was read before the end is still given; then the error, once. */
  #over(): Promise<IteratorResult<StoredEvent>> {
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
  }

  /** Ends the iteration after what is queued. Idempotent. @param error null: as if there was no more */
  end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#follower.stop();
    this.#set.readers.delete(this);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      this.#over().then(waiter.resolve, waiter.reject);
    }
  }

  #drop(): void {
    while (this.#queue.shift() !== undefined);
    this.#queueBytes = 0;
  }

  take(event: StoredEvent): boolean {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ value: event, done: false });
      return true;
    }
    if (this.#isFull) {
      if (this.#whenFull === 'drop_newest') return true;
      if (this.#whenFull === 'drop_oldest') while (this.#isFull) this.#shiftOldest();
      else {
        if (this.#whenFull === 'error') this.end(new PlexusError('consumer_overflow', { bound: this.#queueSize }));
        this.#isBehind = true;
        return false;
      }
    }
    this.#queue.push(event);
    this.#queueBytes += heldBytes(event);
    if (this.#warning.rises(this.#queue.length, this.#queueSize)) {
      this.#set.warnings++;
      logFilling(this.#set.parts.limitedLog, null, this.#queue.length, this.#queueSize);
      this.#call(() => this.#options.onWarning?.(this.#queue.length, this.#queueSize));
    }
    return true;
  }

  get #isFull(): boolean {
    return this.#queue.length >= this.#queueSize || this.#queueBytes >= MAX_QUEUE_BYTES;
  }

  #shiftOldest(): void {
    const oldest = this.#queue.shift();
    if (oldest !== undefined) this.#queueBytes -= heldBytes(oldest);
  }

  caughtUp(): void {
    this.#tellCaughtUp();
  }

  #tellCaughtUp(): void {
    if (!this.#isBehind || !this.#follower.isLive || this.#queue.length > 0) return;
    this.#isBehind = false;
    this.#call(() => this.#options.onCaughtUp?.());
  }

  /** A callback that throws ends its reader, and nobody else's. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.end(error);
    }
  }

  failed(error: unknown): void {
    this.end(error);
  }
}
