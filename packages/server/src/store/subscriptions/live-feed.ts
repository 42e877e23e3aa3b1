import type { Clock, Timer } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { CommitListener, Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import { DispatchIndex, type Interest } from '../selectors/dispatch-index.ts';
import { EventRing } from './event-ring.ts';
import { readHistory } from './history.ts';

const MiB = 1024 * 1024;

export const FEED_LIMITS = {
  /** Recent events that are held, so that a reader that falls behind a little need not ask the engine. */
  ringEvents: 8192,
  ringBytes: 16 * MiB,
  /** Committed events that wait while missed ones are read. */
  waitingEvents: 16_384,
  /** How often it looks whether the store has gone on without telling. */
  checkMs: 250,
  retryMs: 1000,
} as const;

/** Someone at the live edge. */
export interface LiveReader {
  readonly isLive: boolean;
  /** An event that its selector matches. */
  live(event: StoredEvent): void;
}

type BatchListener = (events: readonly StoredEvent[]) => void;

/**
 * The live end of a store: holds the most recent events, and shows each new one to the readers at the edge that want it.
 * A reader that wants nothing of it costs nothing.
 *
 * Everything goes through in order of position and without a gap. The engine says what was committed; should it ever have
 * said nothing of something (a thread died between its commit and its answer; an append was under way when the listener
 * was set), then the missing events are read from the store before anything after them is shown.
 */
export class LiveFeed implements CommitListener {
  readonly ring = new EventRing(FEED_LIMITS.ringEvents, FEED_LIMITS.ringBytes);
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #index = new DispatchIndex<LiveReader>();
  readonly #listeners = new Set<BatchListener>();
  /** Batches that are committed and not shown yet, in order. */
  #waiting: (readonly StoredEvent[])[] = [];
  #waitingEvents = 0;
  readonly #found: Interest<LiveReader>[] = [];
  #users = 0;
  #showing = false;
  /** Position of the event that is being shown, which not every reader has seen yet. */
  #shown: number | null = null;
  #repairing = false;
  #check: Timer | null = null;
  #retry: Timer | null = null;

  constructor(engine: Engine, clock: Clock, log: Logger) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
  }

  /** Everything before this position was shown to all; it may be under way to some. */
  get next(): number {
    return this.#shown ?? this.ring.next;
  }

  /** @returns the event at `position` if it is at hand; else null */
  recent(position: number): StoredEvent | null {
    const { first, next } = this.ring;
    return position >= first && position < next ? this.ring.at(position) : null;
  }

  /** Readers at the edge. */
  get liveReaders(): number {
    return this.#index.size;
  }

  /** From here on commits are heard, until `release` was called as often. */
  retain(): void {
    if (this.#users++ > 0) return;
    this.ring.restart(this.#engine.lastPosition + 1);
    this.#engine.listener = this;
    this.#check = this.#clock.setInterval(() => this.#lookForMissed(), FEED_LIMITS.checkMs);
  }

  release(): void {
    if (--this.#users > 0) return;
    this.#engine.listener = null;
    this.#check?.cancel();
    this.#retry?.cancel();
    this.#retry = null;
    this.#waiting = [];
    this.#waitingEvents = 0;
    this.ring.restart(this.ring.next);
  }

  /** @param interest of a reader that has seen everything before `next` */
  join(interest: Interest<LiveReader>): void {
    this.#index.add(interest);
  }

  leave(interest: Interest<LiveReader>): void {
    this.#index.remove(interest);
  }

  /** Hears of every event that is committed from now on. @returns how to stop */
  onCommitted(listener: BatchListener): () => void {
    // An own function, so that the same listener may be added twice.
    const own: BatchListener = (events) => listener(events);
    this.retain();
    this.#listeners.add(own);
    return () => {
      if (this.#listeners.delete(own)) this.release();
    };
  }

  committed(events: readonly StoredEvent[]): void {
    if (events.length === 0 || this.#users === 0) return;
    this.#waiting.push(events);
    this.#waitingEvents += events.length;
    // Only while missed ones are read. What is dropped here will be read too.
    while (this.#waitingEvents > FEED_LIMITS.waitingEvents && this.#waiting.length > 1) this.#shiftWaiting();
    this.#showWaiting();
  }

  #shiftWaiting(): readonly StoredEvent[] | undefined {
    const batch = this.#waiting.shift();
    if (batch !== undefined) this.#waitingEvents -= batch.length;
    return batch;
  }

  #showWaiting(): void {
    // A reader that appends in an engine that commits at once calls back into here: its batch waits for its turn.
    if (this.#showing) return;
    while (this.#waiting.length > 0) {
      if (this.#waiting[0]![0]!.position > this.ring.next) {
        this.#repair();
        return;
      }
      this.#show(this.#shiftWaiting()!);
    }
  }

  /** @param events begin at `next` or before */
  #show(events: readonly StoredEvent[]): void {
    const from = this.ring.next - events[0]!.position;
    if (from >= events.length) return;
    this.#showing = true;
    try {
      for (let i = from; i < events.length; i++) {
        // A reader may have been the last to leave, and another may have come, who reads the rest from the store.
        if (this.#users === 0 || events[i]!.position !== this.ring.next) break;
        this.#showOne(events[i]!);
      }
      const batch = from === 0 ? events : events.slice(from);
      for (const listener of [...this.#listeners]) this.#tell(listener, batch);
    } finally {
      this.#showing = false;
    }
  }

  #tell(listener: BatchListener, batch: readonly StoredEvent[]): void {
    try {
      listener(batch);
    } catch (error) {
      this.#log.error({ err: error }, 'a listener for committed events failed');
    }
  }

  #showOne(event: StoredEvent): void {
    this.ring.push(event);
    this.#shown = event.position;
    const found = this.#found;
    found.length = 0;
    this.#index.match(event, found);
    for (let i = 0; i < found.length; i++) {
      const { owner } = found[i]!;
      // One that was told before it may have made it leave.
      if (!owner.isLive) continue;
      try {
        owner.live(event);
      } catch (error) {
        this.#log.error({ err: error, position: event.position }, 'a reader of live events failed');
      }
    }
    this.#shown = null;
  }

  #lookForMissed(): void {
    if (this.#engine.lastPosition >= this.ring.next) this.#repair();
  }

  /** Reads what the engine did not tell of, and shows it, until what waits follows without a gap. */
  #repair(): void {
    if (this.#repairing || this.#retry !== null || this.#users === 0) return;
    this.#repairing = true;
    this.#readMissed().then(
      () => {
        this.#repairing = false;
        this.#showWaiting();
      },
      (error: unknown) => {
        this.#repairing = false;
        this.#log.warn({ err: error }, 'committed events cannot be read; live delivery waits for them');
        if (this.#users === 0) return;
        this.#retry = this.#clock.setTimeout(() => {
          this.#retry = null;
          this.#repair();
        }, FEED_LIMITS.retryMs);
      },
    );
  }

  async #readMissed(): Promise<void> {
    while (this.#users > 0) {
      const waitsFrom = this.#waiting[0]?.[0]?.position ?? this.#engine.lastPosition + 1;
      if (waitsFrom <= this.ring.next) return;
      const page = await readHistory(this.#engine, {}, this.ring.next);
      if (page.events.length === 0)
        throw new Error(`nothing is at position ${this.ring.next}, though it was committed`);
      if (this.#users > 0 && page.events[0]!.position <= this.ring.next) this.#show(page.events);
    }
  }
}
