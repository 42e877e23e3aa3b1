import type { StoredEvent } from './event.ts';
import type { Selector } from './selector.ts';

/** Where a subscription begins: the first event, a position (inclusive), or what is appended from now on. */
export type StartFrom = 'start' | 'now' | number;

/** What goes to whom in a consumer group. */
export type GroupStrategy = 'by_stream' | 'round_robin' | 'single';

/** What a full queue in front of a slow consumer does. `block` stops reading and loses nothing. */
export type FullPolicy = 'block' | 'drop_oldest' | 'drop_newest' | 'error';

/** A persistent subscription, as it was created. */
export interface SubscriptionDefinition {
  readonly name: string;
  readonly selector: Selector;
  readonly from: StartFrom;
  readonly strategy: GroupStrategy;
  /** Most consumers at a time. */
  readonly poolSize: number;
  /** Unacknowledged events per consumer; a consumer may ask for less. */
  readonly window: number;
  readonly ackTimeoutMs: number;
  /** Deliveries after the first; then the event is parked. */
  readonly maxRetries: number;
  /** Events that wait in front of one consumer. */
  readonly queueSize: number;
  readonly whenFull: FullPolicy;
}

/** Everything but name and selector has a default. */
export type NewSubscription = Pick<SubscriptionDefinition, 'name' | 'selector'> & Partial<SubscriptionDefinition>;

export const SUBSCRIPTION_DEFAULTS = {
  from: 'start',
  strategy: 'by_stream',
  poolSize: 16,
  window: 100,
  ackTimeoutMs: 30_000,
  maxRetries: 10,
  queueSize: 1000,
  whenFull: 'block',
} as const;

/** Why a persistent subscription is in the state it is in. `stopped`: a consumer refused an event with `stop`. */
export type SubscriptionState = 'running' | 'paused' | 'stopped';

/** What happened in a subscription since the node began. */
export interface SubscriptionCounts {
  /** Handed to consumers, repeats too. */
  readonly delivered: number;
  readonly acknowledged: number;
  /** Refused with `retry`. */
  readonly retried: number;
  readonly parked: number;
  /** Lost to a full queue, by policy. */
  readonly dropped: number;
  /** How often a queue has passed 80 %. */
  readonly warnings: number;
}

export interface SubscriptionInfo {
  readonly definition: SubscriptionDefinition;
  readonly state: SubscriptionState;
  /** Everything up to this position is acknowledged, parked, skipped, or of no interest; -1: nothing yet. */
  readonly checkpoint: number;
  readonly consumers: number;
  /** Delivered and not answered. */
  readonly inFlight: number;
  readonly parked: number;
  /** Positions between the checkpoint and the end of the store. */
  readonly lagEvents: number;
  /** Age of the first event after the checkpoint; 0 when there is none. */
  readonly lagS: number;
  readonly createdUs: number;
  readonly counts: SubscriptionCounts;
}

/** An event that was given up on. */
export interface ParkedEvent {
  readonly event: StoredEvent;
  readonly reason: string;
  readonly attempts: number;
  readonly parkedUs: number;
}

/** `retry`: again, up to `maxRetries`. `park`: put aside. `skip`: as if acknowledged. `stop`: the subscription stops before it. */
export type NackAction = 'retry' | 'park' | 'skip' | 'stop';

/** Why a consumer was let go. */
export type ConsumerEnd =
  | 'closed'
  | 'ack_timeout'
  | 'deleted'
  | 'reset'
  | 'stopped'
  | 'overflow'
  | 'failed'
  | 'shutting_down';

/** Whom a persistent subscription delivers to. Called synchronously; must not throw. */
export interface ConsumerSink {
  /**
   * Whether it may get a place in the group anew, by itself, when the way to the store breaks. What it had in hand then comes to
   * it, or others, again. Default false: it is ended with `failed`.
   */
  readonly canMove?: boolean;
  /** @param attempt 1 for the first delivery */
  deliver(event: StoredEvent, attempt: number): void;
  /** Called once; nothing is delivered after it, and what was not answered goes to others. */
  end(reason: ConsumerEnd, error: Error | null): void;
  /** The queue in front of it has passed 80 % of its bound. */
  warn?(queued: number, bound: number): void;
}

export interface ConsumerOptions {
  /** Shown in listings. */
  readonly name: string;
  /** Unacknowledged events; default and most: the window of the subscription. */
  readonly window?: number;
  /** Pull mode: nothing is delivered but what `request` asked for. Default false. */
  readonly pull?: boolean;
}

/** One consumer of a persistent subscription. */
export interface Consumer {
  /** Unacknowledged events that it may have. */
  readonly window: number;
  /** Of the subscription. */
  readonly ackTimeoutMs: number;
  /** Acknowledges one delivered event. Unknown positions are ignored: they may have timed out. */
  ack(position: number): void;
  nack(position: number, action: NackAction, reason: string): void;
  /** Pull mode: this many more. */
  request(count: number): void;
  /** Leaves. What it had in hand goes to others at once. Idempotent. */
  close(): void;
}

/** An ephemeral reader from somewhere in history into the present. */
export interface CatchUpOptions {
  readonly selector: Selector;
  /** A position is inclusive. */
  readonly from: StartFrom;
  /** Events that wait in front of the reader. Default 1,000. */
  readonly queueSize?: number;
  /** Default `block`. */
  readonly whenFull?: FullPolicy;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Called when the reader has everything there is, each time that it does after having lagged. */
  readonly onCaughtUp?: () => void;
  /** The queue has passed 80 % of its bound. */
  readonly onWarning?: (queued: number, bound: number) => void;
}
