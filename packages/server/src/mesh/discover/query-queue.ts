import type { Clock } from '../../lib/clock.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import type { Directory } from '../../peer/directory.ts';
import { RecencyList } from '../../peer/recency-list.ts';
import type { DirectoryKeysOf, PendingQuery } from '../ports.ts';
import type { Query, QueryOutcome } from './query.ts';

/** Hears what becomes of queries; never from within a call of `QueryQueue`. `onBegun` is the exception. */
export interface QueryEvents {
  onBegun(query: Query): void;
  onFound(query: Query, target: PeerTarget): void;
  onEnd(query: Query, outcome: QueryOutcome): void;
}

/**
 * Asks the directory, some queries at a time; the others wait in order, refreshes after all others. A query has an end: when its
 * time is up, it has failed. The time of a first one begins when it is asked, because somebody may wait; of others when their
 * turn comes: being in a long queue is no failure.
 */
export class QueryQueue {
  readonly #directory: Directory;
  readonly #keysOf: DirectoryKeysOf;
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #deadlineMs: number;
  readonly #events: QueryEvents;
  readonly #urgent = new RecencyList<Query>();
  readonly #background = new RecencyList<Query>();
  readonly #running = new RecencyList<Query>();

  constructor(
    directory: Directory,
    keysOf: DirectoryKeysOf,
    clock: Clock,
    options: { readonly concurrency: number; readonly deadlineMs: number },
    events: QueryEvents,
  ) {
    this.#directory = directory;
    this.#keysOf = keysOf;
    this.#clock = clock;
    this.#concurrency = options.concurrency;
    this.#deadlineMs = options.deadlineMs;
    this.#events = events;
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#urgent.size + this.#background.size;
  }

  add(query: Query): void {
    this.#line(query).touch(query);
    if (query.cause === 'first') this.#setDeadline(query);
    this.#next();
  }

  /** One that still waits for its turn becomes a renewal, and is sure to have it. */
  promote(query: Query): void {
    if (query.cause === 'refresh') {
      this.#background.delete(query);
      this.#urgent.touch(query);
    }
    query.cause = 'renew';
    query.timer?.cancel();
    query.timer = null;
    query.deadlineAt = null;
  }

  /** Gives it up; nobody hears of it any more. */
  drop(query: Query): void {
    this.#leave(query);
    query.abort.abort();
    this.#next();
  }

  list(): PendingQuery[] {
    const now = this.#clock.now();
    const all: PendingQuery[] = [];
    for (const line of [this.#running, this.#urgent, this.#background]) {
      for (let query = line.oldest; query !== null; query = query.newer) {
        const leftMs = query.deadlineAt === null ? this.#deadlineMs : query.deadlineAt - now;
        all.push({ ...query.key, ageMs: now - query.askedAt, leftMs, found: query.found.size });
      }
    }
    return all;
  }

  #line(query: Query): RecencyList<Query> {
    if (query.begunAt !== null) return this.#running;
    return query.cause === 'refresh' ? this.#background : this.#urgent;
  }

  #setDeadline(query: Query): void {
    query.deadlineAt = this.#clock.now() + this.#deadlineMs;
    query.timer = this.#clock.setTimeout(() => {
      query.wasTooShort = query.begunAt === null || this.#clock.now() - query.begunAt < this.#deadlineMs / 2;
      // Whoever still answers is not waited for, and neither is a directory that does not stop when it is told to.
      query.abort.abort();
      this.#end(query, 'failed');
    }, this.#deadlineMs);
  }

  #next(): void {
    while (this.#running.size < this.#concurrency) {
      const query = this.#urgent.oldest ?? this.#background.oldest;
      if (query === null) return;
      this.#line(query).delete(query);
      query.begunAt = this.#clock.now();
      this.#running.touch(query);
      if (query.timer === null) this.#setDeadline(query);
      this.#events.onBegun(query);
      // Later in this turn: whoever asks is not called back from within.
      queueMicrotask(() => void this.#ask(query));
    }
  }

  async #ask(query: Query): Promise<void> {
    if (query.isOver) return;
    const keys = this.#keysOf(query.key);
    if (keys.length === 0) {
      this.#end(query, 'no_keys');
      return;
    }
    const found = (target: PeerTarget) => {
      if (query.isOver) return;
      query.wasReached = true;
      this.#events.onFound(query, target);
    };
    const answers = keys.map(async (key) => {
      await this.#directory.find(key, found, query.abort.signal);
      query.wasReached = true;
    });
    const results = await Promise.allSettled(answers);
    // Part of an answer does not say who is no longer there.
    this.#end(query, results.every(({ status }) => status === 'fulfilled') ? 'answered' : 'failed');
  }

  #end(query: Query, outcome: QueryOutcome): void {
    if (query.isOver) return;
    this.#leave(query);
    this.#next();
    this.#events.onEnd(query, outcome);
  }

  #leave(query: Query): void {
    this.#line(query).delete(query);
    query.isOver = true;
    query.timer?.cancel();
    query.timer = null;
  }
}
