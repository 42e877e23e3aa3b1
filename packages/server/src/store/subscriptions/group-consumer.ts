import type { Clock, Timer } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type {
  Consumer,
  ConsumerEnd,
  ConsumerOptions,
  ConsumerSink,
  NackAction,
  SubscriptionDefinition,
} from '../subscription.ts';
import { checkWhole } from './definition.ts';
import type { Delivery } from './delivery.ts';
import { MAX_QUEUE_BYTES, WaitingQueue } from './waiting-queue.ts';

/** The subscription, as a consumer sees it. */
export interface ConsumerHost {
  answered(delivery: Delivery, consumer: GroupConsumer): void;
  refused(delivery: Delivery, consumer: GroupConsumer, action: NackAction, reason: string): void;
  /** It has room that it had not. */
  hasRoom(consumer: GroupConsumer): void;
  end(consumer: GroupConsumer, reason: ConsumerEnd, error: Error | null): void;
}

export interface GroupConsumerOptions {
  /** Which one it is of all that were ever in the group. */
  readonly number: number;
  readonly name: string;
  readonly window: number;
  readonly isPull: boolean;
  readonly queueSize: number;
  readonly ackTimeoutMs: number;
}

/** @param number which one it is of all that were ever in the group. @throws {PlexusError} bad_request */
export function groupConsumerOptions(
  { window, queueSize, ackTimeoutMs }: SubscriptionDefinition,
  asked: ConsumerOptions,
  number: number,
): GroupConsumerOptions {
  if (asked.window !== undefined) checkWhole('window', asked.window, 1, Number.MAX_SAFE_INTEGER);
  return {
    number,
    name: asked.name,
    window: Math.min(asked.window ?? window, window),
    isPull: asked.pull ?? false,
    queueSize,
    ackTimeoutMs,
  };
}

/** A consumer of a persistent subscription, and what it has in hand. */
export class GroupConsumer implements Consumer {
  readonly number: number;
  readonly name: string;
  readonly sink: ConsumerSink;
  /** What waits for this one alone. */
  readonly queue: WaitingQueue;
  /** By position, in the order in which they were handed over. */
  readonly inFlight = new Map<number, Delivery>();
  isClosed = false;
  /** Whether the distribution has it on its list. */
  isReady = false;
  readonly #host: ConsumerHost;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #options: GroupConsumerOptions;
  #inFlightBytes = 0;
  /** Pull mode: how many more it asked for. */
  #demand = 0;
  #timer: Timer | null = null;

  constructor(
    options: GroupConsumerOptions,
    sink: ConsumerSink,
    host: ConsumerHost,
    { clock, log }: { clock: Clock; log: Logger },
  ) {
    this.number = options.number;
    this.name = options.name;
    this.sink = sink;
    this.queue = new WaitingQueue(options.queueSize);
    this.#options = options;
    this.#host = host;
    this.#clock = clock;
    this.#log = log;
  }

  get window(): number {
    return this.#options.window;
  }

  get ackTimeoutMs(): number {
    return this.#options.ackTimeoutMs;
  }

  get hasRoom(): boolean {
    if (this.isClosed || this.inFlight.size >= this.#options.window) return false;
    if (this.#inFlightBytes >= MAX_QUEUE_BYTES) return false;
    return !this.#options.isPull || this.#demand > 0;
  }

  /** When its oldest unanswered delivery was handed over; Infinity: there is none. */
  get waitsSince(): number {
    for (const delivery of this.inFlight.values()) return delivery.deliveredAt;
    return Number.POSITIVE_INFINITY;
  }

  /** Takes note of a delivery that is about to be shown to the sink. */
  take(delivery: Delivery): void {
    delivery.deliveredAt = this.#clock.now();
    this.inFlight.set(delivery.position, delivery);
    this.#inFlightBytes += delivery.bytes;
    if (this.#options.isPull) this.#demand--;
    if (this.#timer === null) this.#arm(this.#options.ackTimeoutMs);
  }

  /** @returns what the sink threw, which it must not; null: nothing */
  show({ event, attempts }: Delivery): Error | null {
    return this.#call(() => this.sink.deliver(event!, attempts));
  }

  tell(reason: ConsumerEnd, problem: Error | null): void {
    this.#call(() => this.sink.end(reason, problem));
  }

  warn({ size, bound }: WaitingQueue): void {
    this.#call(() => this.sink.warn?.(size, bound));
  }

  #call(callback: () => void): Error | null {
    try {
      callback();
      return null;
    } catch (error) {
      this.#log.error({ err: error, consumer: this.name }, 'a consumer failed');
      return error as Error;
    }
  }

  ack(position: number): void {
    const delivery = this.#answer(position);
    if (delivery !== null) this.#host.answered(delivery, this);
  }

  nack(position: number, action: NackAction, reason: string): void {
    const delivery = this.#answer(position);
    if (delivery !== null) this.#host.refused(delivery, this, action, reason);
  }

  request(count: number): void {
    if (this.isClosed || !Number.isSafeInteger(count) || count <= 0) return;
    // More than the window is never out at a time, but it is what was asked for.
    this.#demand = Math.min(this.#demand + count, Number.MAX_SAFE_INTEGER);
    this.#host.hasRoom(this);
  }

  close(): void {
    if (!this.isClosed) this.#host.end(this, 'closed', null);
  }

  /** @returns what it had in hand, by position */
  shut(): Delivery[] {
    this.isClosed = true;
    this.#timer?.cancel();
    this.#timer = null;
    const inHand = [...this.inFlight.values()].sort((a, b) => a.position - b.position);
    this.inFlight.clear();
    this.#inFlightBytes = 0;
    return inHand;
  }

  #answer(position: number): Delivery | null {
    const delivery = this.inFlight.get(position);
    if (delivery === undefined) return null;
    this.inFlight.delete(position);
    this.#inFlightBytes -= delivery.bytes;
    return delivery;
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#onTimer(), ms);
  }

  #onTimer(): void {
    this.#timer = null;
    if (this.inFlight.size === 0) return;
    const left = this.waitsSince + this.#options.ackTimeoutMs - this.#clock.now();
    if (left <= 0) this.#host.end(this, 'ack_timeout', null);
    else this.#arm(left);
  }
}
