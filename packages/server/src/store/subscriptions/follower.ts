import type { Clock } from '../../lib/clock.ts';
import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import type { EventFilter } from '../reads.ts';
import type { Selector } from '../selector.ts';
import { historyFilter } from '../selectors/compile.ts';
import { Interest } from '../selectors/dispatch-index.ts';
import { readHistory } from './history.ts';
import type { LiveFeed, LiveReader } from './live-feed.ts';

/** Events looked at in one go, before other work of the node has its turn. */
const EVENTS_PER_TURN = 2000;

/** Who takes what a follower reads. Called synchronously. */
export interface FollowerTarget {
  /** @returns false: it has no room. The event comes again after `resume` */
  take(event: StoredEvent): boolean;
  /** Everything there is was taken; what comes is shown as it is committed. */
  caughtUp?(): void;
  /** The store could not be read, or `take` threw. Nothing more comes until `resume`. */
  failed(error: unknown): void;
}

/**
 * Reads the events of one selector, in order of position, from somewhere in history into the present.
 *
 * Its cursor says what it has seen. Below the ring it reads pages of history, one at a time; within the ring it walks the
 * ring; at the end of the ring it joins the feed, in the same turn in which it looked. When its target has no room it leaves
 * the feed, with the cursor at the event that was not taken. So there can be neither gap nor duplicate.
 */
export class Follower implements LiveReader {
  isLive = false;
  readonly #engine: Engine;
  readonly #feed: LiveFeed;
  readonly #clock: Clock;
  readonly #target: FollowerTarget;
  readonly #interest: Interest<LiveReader>;
  readonly #filter: EventFilter;
  /** Every matching event before it was taken; while live, every one that was shown. */
  #cursor: number;
  /** What of a page is not taken yet, and where the page ends. */
  #page: readonly StoredEvent[] = [];
  #pageAt = 0;
  #pageEnd = 0;
  #isReading = false;
  #isRunning = false;
  #again = false;
  /** How often `resume` was called: a target may call it within a `take` that says no. */
  #resumes = 0;
  /** Position of the event that the target is being shown. */
  #offered: number | null = null;
  #isBlocked = true;
  #isStopped = false;

  /** It does nothing before the first `resume`. */
  constructor(
    { engine, feed, clock }: { engine: Engine; feed: LiveFeed; clock: Clock },
    selector: Selector,
    from: number,
    target: FollowerTarget,
  ) {
    this.#engine = engine;
    this.#feed = feed;
    this.#clock = clock;
    this.#target = target;
    this.#interest = new Interest<LiveReader>(selector, this);
    this.#filter = historyFilter(selector);
    this.#cursor = from;
    feed.retain();
  }

  /** Every matching event before this position was taken; within a `take`, the position of the event on offer. */
  get cursor(): number {
    if (this.#offered !== null) return this.#offered;
    return this.isLive ? Math.max(this.#cursor, this.#feed.next) : this.#cursor;
  }

  /** Whether it waits for `resume`. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Goes on after `take` said no, or after `failed`. */
  resume(): void {
    this.#resumes++;
    this.#isBlocked = false;
    this.#run();
  }

  /** Idempotent. Nothing is taken after it. */
  stop(): void {
    if (this.#isStopped) return;
    this.#leaveFeed();
    this.#isStopped = true;
    this.#page = [];
    this.#feed.release();
  }

  live(event: StoredEvent): void {
    // The cursor is ahead of the feed if a page showed what the engine had not told of yet.
    if (event.position < this.#cursor) return;
    if (this.#take(event)) {
      this.#cursor = Math.max(this.#cursor, event.position + 1);
      return;
    }
    this.#leaveFeed();
    this.#cursor = event.position;
    this.#run();
  }

  /** @returns false: no room */
  #take(event: StoredEvent): boolean {
    const resumes = this.#resumes;
    this.#offered = event.position;
    try {
      if (this.#target.take(event)) return true;
      this.#isBlocked = this.#resumes === resumes;
    } catch (error) {
      this.#isBlocked = true;
      this.#target.failed(error);
    } finally {
      this.#offered = null;
    }
    return false;
  }

  #leaveFeed(): void {
    if (!this.isLive) return;
    this.#cursor = Math.max(this.#cursor, this.#feed.next);
    this.isLive = false;
    this.#feed.leave(this.#interest);
  }

  #run(): void {
    this.#again = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#again) {
      this.#again = false;
      this.#step();
    }
    this.#isRunning = false;
  }

  #step(): void {
    let left = EVENTS_PER_TURN;
    while (this.#mayRun()) {
      if (left <= 0) {
        this.#clock.setImmediate(() => this.#run());
        return;
      }
      const { ring } = this.#feed;
      if (this.#pageAt < this.#page.length) left -= this.#takePage(left);
      else if (this.#cursor >= ring.next) this.#goLive();
      else if (this.#cursor >= ring.first) left -= this.#walkRing(left);
      else this.#readPage();
    }
  }

  #mayRun(): boolean {
    return !this.#isStopped && !this.#isBlocked && !this.isLive && !this.#isReading;
  }

  /** @returns how many events it looked at */
  #takePage(most: number): number {
    let looked = 0;
    while (looked < most && this.#pageAt < this.#page.length && this.#mayRun()) {
      const event = this.#page[this.#pageAt]!;
      if (!this.#offer(event)) return looked;
      this.#pageAt++;
      looked++;
    }
    if (this.#pageAt === this.#page.length) {
      this.#page = [];
      this.#pageAt = 0;
      this.#cursor = Math.max(this.#cursor, this.#pageEnd);
    }
    return looked;
  }

  #walkRing(most: number): number {
    const { ring } = this.#feed;
    let looked = 0;
    while (looked < most && this.#cursor < ring.next && this.#cursor >= ring.first && this.#mayRun()) {
      if (!this.#offer(ring.at(this.#cursor))) return looked;
      looked++;
    }
    return looked;
  }

  /** @returns false: no room; the cursor is at the event */
  #offer(event: StoredEvent): boolean {
    if (event.position >= this.#cursor && this.#interest.test(event)) {
      this.#cursor = event.position;
      if (!this.#take(event)) return false;
    }
    this.#cursor = Math.max(this.#cursor, event.position + 1);
    return true;
  }

  #goLive(): void {
    this.isLive = true;
    this.#feed.join(this.#interest);
    this.#target.caughtUp?.();
  }

  #readPage(): void {
    this.#isReading = true;
    readHistory(this.#engine, this.#filter, this.#cursor).then(
      (page) => {
        this.#isReading = false;
        if (this.#isStopped) return;
        this.#page = page.events;
        this.#pageAt = 0;
        this.#pageEnd = page.readTo;
        // An empty page moves the cursor too.
        if (page.events.length === 0) this.#cursor = page.readTo;
        this.#run();
      },
      (error: unknown) => {
        this.#isReading = false;
        if (this.#isStopped) return;
        this.#isBlocked = true;
        this.#target.failed(error);
      },
    );
  }
}
