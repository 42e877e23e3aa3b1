import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../../lib/clock.ts';
import { type Logger, rateLimited } from '../../lib/log.ts';
import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import type { LocalSubscriptions } from '../store.ts';
import type { CatchUpOptions } from '../subscription.ts';
import { catchUp, type ReaderSet } from './catch-up.ts';
import { type ConsumedEvent, type ConsumeOptions, consume } from './consume.ts';
import { LiveFeed } from './live-feed.ts';
import type { SubscriptionParts } from './parts.ts';
import { PersistentSubscriptions } from './persistent-subscriptions.ts';
import type { SubscriptionStats } from './subscription-stats.ts';

/** Between two lines of the log that say the same of the subscriptions of one store. */
const LIMITED_LOG_MS = 10_000;

export interface SubscriptionServiceOptions {
  readonly engine: Engine;
  readonly storeName: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The subscriptions of one store: persistent ones, catch-up readers, and whoever hears of every commit. It owns the listener of
 * the engine, which is set while anyone is there to need it.
 */
export class StoreSubscriptionService {
  readonly #parts: SubscriptionParts;
  readonly #storeName: string;
  readonly #persistent: PersistentSubscriptions;
  readonly #catchUp: ReaderSet;
  #isStopped = false;

  constructor({ engine, storeName, clock, log }: SubscriptionServiceOptions) {
    const limitedLog = rateLimited(log, clock, LIMITED_LOG_MS);
    this.#parts = { engine, clock, log, limitedLog, feed: new LiveFeed(engine, clock, log) };
    this.#catchUp = { parts: this.#parts, readers: new Set(), warnings: 0 };
    this.#storeName = storeName;
    this.#persistent = new PersistentSubscriptions(this.#parts, storeName);
  }

  get subscriptions(): LocalSubscriptions {
    return this.#persistent;
  }

  /** How often the queue of a catch-up reader has passed 80 %. */
  get catchUpWarnings(): number {
    return this.#catchUp.warnings;
  }

  /** Loads what the store keeps of subscriptions. @throws what the engine throws */
  start(): Promise<void> {
    return this.#persistent.start();
  }

  /** Lets go of everyone, with `shutting_down`, and saves progress. The engine is still needed until it is done. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const reader of [...this.#catchUp.readers]) reader.end(new PlexusError('shutting_down'));
    await this.#persistent.stop();
    this.#parts.limitedLog.stop();
  }

  /** @throws {PlexusError} bad_request, shutting_down; in the iteration also consumer_overflow and what the engine throws */
  catchUp(options: CatchUpOptions): AsyncIterable<StoredEvent> {
    if (this.#isStopped) throw new PlexusError('shutting_down');
    return catchUp(this.#catchUp, options);
  }

  /** A persistent subscription as a loop; see `consume`. */
  consume(name: string, options: ConsumeOptions = {}): AsyncIterable<ConsumedEvent> {
    return consume(this.#persistent, this.#storeName, name, options);
  }

  /** Hears of every event that is committed from now on, in order. It must not throw. @returns how to stop */
  onCommitted(listener: (events: readonly StoredEvent[]) => void): () => void {
    return this.#parts.feed.onCommitted(listener);
  }

  stats(): SubscriptionStats[] {
    return [...this.#persistent.all()].map((subscription) => subscription.stats);
  }
}
