import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../lib/clock.ts';
import type { StoredEvent } from '../store/event.ts';
import type { Store } from '../store/store.ts';
import type { Consumer, ConsumerEnd, ConsumerSink, NackAction } from '../store/subscription.ts';

/** Most consumers over HTTP in a node. */
const MAX_CONSUMERS = 1000;
const MiB = 1024 * 1024;
/** An answer ends with the event that reaches this; the rest waits for the next pull. */
const MAX_ANSWER_BYTES = 4 * MiB;
/** What is there has to be read before it can be given: an answer does not come sooner without an event. */
const MIN_WAIT_MS = 20;
/** Most that is asked of a store of another node at a time. */
const MAX_CHUNK = 64;

export interface Delivery {
  readonly event: StoredEvent;
  readonly attempt: number;
}

/** Who pulls: a consumer of a subscription, by the name that it gives itself. */
export interface PullKey {
  readonly store: Store;
  readonly subscription: string;
  readonly consumer: string;
}

/**
 * Consumers of persistent subscriptions that come by HTTP: each lives while it pulls or answers, and is let go when
 * it has done neither for as long as it may take to acknowledge an event.
 */
export class PullConsumers {
  readonly #clock: Clock;
  readonly #consumers = new Map<string, PullConsumer>();
  #isDraining = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#consumers.size;
  }

  /**
   * Asks for events, and waits for the first one for `waitMs` at most. The first pull joins the consumer group.
   * @throws {PlexusError} subscription_not_found, quota_exceeded, consumer_overflow, shutting_down
   */
  pull(key: PullKey, limit: number, waitMs: number, signal: AbortSignal): Promise<Delivery[]> {
    if (this.#isDraining) throw new PlexusError('shutting_down');
    const id = idOf(key);
    let consumer = this.#consumers.get(id);
    if (consumer === undefined) {
      if (this.#consumers.size >= MAX_CONSUMERS) throw new PlexusError('quota_exceeded', { limit: 'HTTP consumers' });
      consumer = new PullConsumer(key, this.#clock, () => this.#consumers.delete(id));
      if (!consumer.isOver) this.#consumers.set(id, consumer);
    }
    return consumer.pull(limit, waitMs, signal);
  }

  /** @throws {PlexusError} consumer_not_found: it was let go, and what it had in hand went to others */
  async ack(key: PullKey, positions: readonly number[]): Promise<void> {
    (await this.#get(key)).ack(positions);
  }

  /** @throws {PlexusError} consumer_not_found */
  async nack(key: PullKey, positions: readonly number[], action: NackAction, reason: string): Promise<void> {
    (await this.#get(key)).nack(positions, action, reason);
  }

  /** Leaves the consumer group. @throws {PlexusError} consumer_not_found */
  async leave(key: PullKey): Promise<void> {
    (await this.#get(key)).close();
  }

  /** Those that wait are answered, and nobody waits again. Idempotent. */
  drain(): void {
    this.#isDraining = true;
    for (const consumer of [...this.#consumers.values()]) consumer.close();
  }

  async #get(key: PullKey): Promise<PullConsumer> {
    const consumer = this.#consumers.get(idOf(key));
    if (consumer !== undefined) return consumer;
    // The subscription itself may be what is missing.
    await key.store.subscriptions.get(key.subscription);
    throw new PlexusError('consumer_not_found', { name: key.subscription, consumer: key.consumer });
  }
}

// No name holds a control character.
const idOf = ({ store, subscription, consumer }: PullKey): string =>
  [store.realm, store.name, subscription, consumer].join('\0');

/** A pull that waits for its first event. */
interface Waiting {
  readonly limit: number;
  readonly answer: (deliveries: Delivery[]) => void;
  readonly fail: (error: Error) => void;
}

class PullConsumer implements ConsumerSink {
  readonly canMove = true;
  readonly #key: PullKey;
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  /** null until it is in the group, which takes a while where the store is on another node. */
  #consumer: Consumer | null = null;
  /** Delivered by the subscription, and not yet fetched: hardly more than one answer may hold. */
  readonly #ready: Delivery[] = [];
  #readyBytes = 0;
  /** Events asked for, and not yet delivered. */
  #asked = 0;
  /** How many are asked for next: 1 where the store is here and delivers at once; of another node as many again as have just come. */
  #chunk = 1;
  #isElsewhere = false;
  /** Runs while more may come for an answer that could be given. */
  #lingering: Timer | null = null;
  #waiting: Waiting | null = null;
  #idle: Timer | null = null;
  #isOver = false;

  constructor(key: PullKey, clock: Clock, onEnd: () => void) {
    this.#key = key;
    this.#clock = clock;
    this.#onEnd = onEnd;
    const attached = key.store.subscriptions.attach(key.subscription, { name: key.consumer, pull: true }, this);
    if (attached instanceof Promise) {
      this.#isElsewhere = true;
      attached.then(
        (consumer) => this.#attached(consumer),
        (error: unknown) => this.#refused(error as Error),
      );
    } else this.#attached(attached);
  }

  #attached(consumer: Consumer): void {
    this.#consumer = consumer;
    if (this.#isOver) consumer.close();
    else if (this.#waiting !== null) this.#ask(this.#waiting.limit);
    else this.#touch();
  }

  #refused(error: Error): void {
    this.#over();
    this.#waiting?.fail(error);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  pull(limit: number, waitMs: number, signal: AbortSignal): Promise<Delivery[]> {
    // The one before was given up by its caller, or there are two of the same name: the later one goes on.
    this.#waiting?.answer([]);
    return new Promise((resolve, reject) => {
      let timer: Timer | null = null;
      const onAbort = (): void => waiting.answer([]);
      const settle = (): void => {
        timer?.cancel();
        this.#lingering?.cancel();
        this.#lingering = null;
        signal.removeEventListener('abort', onAbort);
        if (this.#waiting === waiting) this.#waiting = null;
        this.#touch();
      };
      const waiting: Waiting = {
        limit,
        answer: (deliveries) => {
          settle();
          resolve(deliveries);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      this.#waiting = waiting;
      this.#idle?.cancel();
      this.#ask(limit);
      // It may have delivered, or ended, within `request`.
      if (this.#waiting !== waiting) return;
      if (this.#ready.length > 0) return this.#answerSoon(waiting);
      timer = this.#clock.setTimeout(() => waiting.answer([]), Math.max(waitMs, MIN_WAIT_MS));
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
    });
  }

  ack(positions: readonly number[]): void {
    for (const position of positions) this.#consumer?.ack(position);
    this.#touch();
  }

  nack(positions: readonly number[], action: NackAction, reason: string): void {
    for (const position of positions) this.#consumer?.nack(position, action, reason);
    this.#touch();
  }

  close(): void {
    this.#over();
    this.#waiting?.answer([]);
    this.#consumer?.close();
  }

  deliver(event: StoredEvent, attempt: number): void {
    this.#asked--;
    this.#ready.push({ event, attempt });
    this.#readyBytes += event.bytes.length;
    const waiting = this.#waiting;
    if (waiting === null) return;
    if (this.#isElsewhere) this.#askElsewhere(waiting);
    else if (this.#ready.length === 1) this.#answerSoon(waiting);
  }

  /**
   * Asks for twice as many each time, so that a long answer takes few round trips, and of what does not come little is left
   * asked for: the answer is given when nothing comes for a moment.
   */
  #askElsewhere(waiting: Waiting): void {
    if (this.#asked === 0) {
      this.#chunk = Math.min(this.#chunk * 2, MAX_CHUNK);
      this.#ask(waiting.limit);
    }
    this.#lingering?.cancel();
    if (this.#asked > 0) this.#lingering = this.#clock.setTimeout(() => this.#answerSoon(waiting), MIN_WAIT_MS);
    else this.#answerSoon(waiting);
  }

  end(reason: ConsumerEnd, error: Error | null): void {
    this.#over();
    const waiting = this.#waiting;
    if (waiting === null) return;
    const fault = endError(reason, error, this.#key);
    if (fault === null) waiting.answer([]);
    else waiting.fail(fault);
  }

  /**
   * Asks for one event after the other, until one does not come at once: the time to acknowledge an event runs from its
   * delivery, so none is taken that does not fit the answer.
   */
  #ask(limit: number): void {
    const consumer = this.#consumer;
    if (consumer === null) return;
    while (this.#asked === 0 && !this.#isOver && this.#ready.length < limit && this.#readyBytes < MAX_ANSWER_BYTES) {
      this.#asked = Math.min(this.#chunk, limit - this.#ready.length);
      consumer.request(this.#asked);
    }
  }

  /** In a moment, so that what is there by then goes along. */
  #answerSoon(waiting: Waiting): void {
    this.#clock.setImmediate(() => {
      if (this.#waiting !== waiting) return;
      if (!this.#isElsewhere) this.#ask(waiting.limit);
      // It may have ended within `request`.
      if (this.#waiting !== waiting) return;
      this.#chunk = 1;
      waiting.answer(this.#take(waiting.limit));
    });
  }

  #take(limit: number): Delivery[] {
    let [count, bytes] = [0, 0];
    while (count < this.#ready.length && count < limit && bytes < MAX_ANSWER_BYTES) {
      bytes += this.#ready[count]!.event.bytes.length;
      count++;
    }
    this.#readyBytes -= bytes;
    return this.#ready.splice(0, count);
  }

  /** Starts to count anew how long nothing was heard of it. */
  #touch(): void {
    this.#idle?.cancel();
    if (this.#isOver || this.#waiting !== null || this.#consumer === null) return;
    this.#idle = this.#clock.setTimeout(() => this.close(), this.#consumer.ackTimeoutMs);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#idle?.cancel();
    this.#onEnd();
  }
}

/** What a pull that waits is told; null: nothing came, and it may ask again. */
function endError(reason: ConsumerEnd, error: Error | null, { store, subscription }: PullKey): Error | null {
  if (error !== null) return error;
  if (reason === 'deleted') return new PlexusError('subscription_not_found', { store: store.name, name: subscription });
  if (reason === 'shutting_down') return new PlexusError('shutting_down');
  if (reason === 'failed') return new PlexusError('store_unavailable', { store: store.name, reason: 'it failed' });
  return null;
}
