import type { Clock, Timer } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { Engine } from '../engine.ts';
import type { SubscriptionProgress } from '../operations.ts';
import type { PersistentSubscription } from './persistent-subscription.ts';
import type { Serial } from './serial.ts';

export const SAVE_LIMITS = {
  /** From an acknowledgement to the checkpoint in the store. */
  soonMs: 200,
  /** The same where nothing but events of no interest has passed. */
  idleMs: 2000,
  retryMs: 1000,
  /** Subscriptions in one write. */
  items: 1000,
  /** Looks into the store for how old the backlog is of subscriptions that nobody consumes, per round of `idleMs`. */
  lagLooks: 100,
} as const;

/** Writes the progress of the subscriptions of a store, of many at once. */
export class ProgressWriter {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #serial: Serial;
  readonly #all: () => Iterable<PersistentSubscription>;
  #dirty = new Set<PersistentSubscription>();
  #soon: Timer | null = null;
  #isHurrying = false;
  /** Whether the last try failed: then only the timer tries again. */
  #isFailing = false;
  #idle: Timer | null = null;

  /** @param serial everything that is written of subscriptions goes through it, so that nothing outdated comes last */
  constructor(
    { engine, clock, log }: { engine: Engine; clock: Clock; log: Logger },
    serial: Serial,
    all: () => Iterable<PersistentSubscription>,
  ) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#serial = serial;
    this.#all = all;
  }

  start(): void {
    this.#idle = this.#clock.setInterval(() => this.#markAdvanced(), SAVE_LIMITS.idleMs);
  }

  stop(): void {
    this.#idle?.cancel();
    this.#soon?.cancel();
    this.#idle = null;
    this.#soon = null;
  }

  mark(subscription: PersistentSubscription): void {
    this.#dirty.add(subscription);
    this.#arm(SAVE_LIMITS.soonMs);
  }

  forget(subscription: PersistentSubscription): void {
    this.#dirty.delete(subscription);
  }

  /** Whether there is something to write. */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** Writes everything there is now. @throws what the engine throws; what was not written is written later */
  flush(): Promise<void> {
    return this.#serial.run(() => this.#write());
  }

  /** Writes at once, what else there is too. While that is under way the next lot gathers. */
  hurry(): void {
    if (this.#isHurrying || this.#isFailing) return;
    this.#isHurrying = true;
    void this.#serial.run(() => {
      this.#isHurrying = false;
      return this.#tryToWrite();
    });
  }

  #arm(ms: number): void {
    this.#soon ??= this.#clock.setTimeout(() => {
      this.#soon = null;
      void this.#serial.run(() => this.#tryToWrite());
    }, ms);
  }

  async #tryToWrite(): Promise<void> {
    try {
      await this.#write();
      this.#isFailing = false;
      if (this.isDirty) this.#arm(SAVE_LIMITS.soonMs);
    } catch (error) {
      this.#isFailing = true;
      this.#log.warn({ err: error }, 'the progress of subscriptions could not be saved; it is tried again');
      if (this.#idle !== null) this.#arm(SAVE_LIMITS.retryMs);
    }
  }

  #markAdvanced(): void {
    let looks = 0;
    for (const subscription of this.#all()) {
      if (subscription.progress() !== null) this.#dirty.add(subscription);
      if (looks < SAVE_LIMITS.lagLooks && subscription.watchLag() !== null) looks++;
    }
    if (this.isDirty) this.hurry();
  }

  async #write(): Promise<void> {
    // What becomes dirty meanwhile is for the next time, or this would never end.
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (let at = 0; at < dirty.length; at += SAVE_LIMITS.items) {
      const items: SubscriptionProgress[] = [];
      const owners: PersistentSubscription[] = [];
      for (const subscription of dirty.slice(at, at + SAVE_LIMITS.items)) {
        const item = subscription.progress();
        if (item === null) continue;
        items.push(item);
        owners.push(subscription);
      }
      try {
        if (items.length > 0) await this.#engine.write('saveProgress', { items });
      } catch (error) {
        for (const subscription of dirty.slice(at)) this.#dirty.add(subscription);
        throw error;
      }
      for (const [i, owner] of owners.entries()) owner.saved(items[i]!);
    }
  }
}
