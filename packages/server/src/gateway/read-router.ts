import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ReadName } from '../store/operations.ts';
import { backoffMs } from './backoff.ts';
import type { FromReader, ReadAnswer, ReadItem } from './messages.ts';
import { isTransient } from './transient.ts';
import { Watch } from './watch.ts';
import type { WorkerSlot } from './worker-slot.ts';

/** Reads of one store that may wait or be under way. */
const MAX_PENDING = 10_000;
const RETRY_AFTER_MS = 100;

export interface ReadRouterOptions {
  readonly store: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Of one try; not of `verify`. */
  readonly timeoutMs: number;
  /** How long callers wait in all, if that is longer than `timeoutMs`. */
  readonly retryMs: number;
  /** Hears of every `store_damaged`. */
  readonly onDamage: (error: PlexusError) => void;
}

class PendingRead {
  readonly id: number;
  readonly operation: ReadName;
  readonly request: unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  readonly sinceMs: number;
  sentMs = 0;
  tries = 0;
  /** Who has it in hand; null: nobody. */
  reader: Reader | null = null;

  constructor(
    id: number,
    operation: ReadName,
    request: unknown,
    resolve: (result: never) => void,
    reject: (error: Error) => void,
    sinceMs: number,
  ) {
    this.id = id;
    this.operation = operation;
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
    this.sinceMs = sinceMs;
  }
}

/** One reader, and what it has in hand. */
class Reader {
  readonly slot: WorkerSlot;
  /** Of this turn. */
  outgoing: ReadItem[] = [];

  constructor(slot: WorkerSlot) {
    this.slot = slot;
  }
}

/**
 * Hands reads to the readers of a store in turn, those of one turn of the event loop together. What a reader that died had in
 * hand, or has not answered within `timeoutMs`, is given to another, for `retryMs` in all. A slice of a verification takes
 * as long as it takes: it has no time to keep, and the reader that has it in hand is asked for others only if there is no other.
 */
export class ReadRouter {
  readonly #options: ReadRouterOptions;
  readonly #readers: Reader[] = [];
  readonly #pending = new Map<number, PendingRead>();
  /** Of those pending: slices of verifications. */
  readonly #verifying = new Set<PendingRead>();
  /** Those for which no reader was up. */
  #waiting: PendingRead[] = [];
  #nextId = 0;
  #nextReader = 0;
  #flushing = false;
  readonly #watch: Watch;
  #idle: (() => void)[] = [];

  constructor(options: ReadRouterOptions) {
    this.#options = options;
    this.#watch = new Watch(options.clock, options.timeoutMs, () => {
      this.#checkTimes();
      return this.#pending.size > 0;
    });
  }

  /** Before its slot starts. @returns what the slot tells */
  add(slot: WorkerSlot): {
    onMessage: (message: unknown) => void;
    onUp: () => void;
    onDown: (error: Error) => void;
    onGivenUp: () => void;
  } {
    const reader = new Reader(slot);
    this.#readers.push(reader);
    return {
      onMessage: (message) => this.#answered(message as FromReader),
      onUp: () => this.#dispatchWaiting(),
      onDown: (error) => this.#lost(reader, error),
      onGivenUp: () => this.#failIfNoneIsLeft(),
    };
  }

  read(operation: ReadName, request: unknown): Promise<unknown> {
    const { store, clock } = this.#options;
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.reject(new PlexusError('overloaded', { store, retryAfterMs: RETRY_AFTER_MS }));
    }
    return new Promise((resolve, reject) => {
      const read = new PendingRead(this.#nextId++, operation, request, resolve, reject, clock.now());
      this.#pending.set(read.id, read);
      if (operation === 'verify') this.#verifying.add(read);
      this.#dispatch(read);
      this.#watch.keep();
    });
  }

  /** Reads that one reader has in hand. */
  loadOf(slot: WorkerSlot): number {
    let load = 0;
    for (const { reader } of this.#pending.values()) if (reader?.slot === slot) load++;
    return load;
  }

  /** Resolves when no read is under way. */
  whenIdle(): Promise<void> {
    return this.#pending.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Fails what is under way. */
  stop(error: Error): void {
    for (const read of [...this.#pending.values()]) this.#fail(read, error);
    this.#watch.stop();
  }

  #dispatch(read: PendingRead): void {
    const reader = this.#next();
    if (reader === null) {
      const problem = this.#problemOfAll();
      if (problem !== null) this.#fail(read, problem);
      else this.#waiting.push(read);
      return;
    }
    read.reader = reader;
    read.tries++;
    read.sentMs = this.#options.clock.now();
    reader.outgoing.push({ id: read.id, operation: read.operation, request: read.request });
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.clock.setImmediate(() => this.#flush());
  }

  /** In turn, those that verify last; null: none is up. */
  #next(): Reader | null {
    const count = this.#readers.length;
    let verifies: Reader | null = null;
    for (let i = 0; i < count; i++) {
      const reader = this.#readers[this.#nextReader++ % count]!;
      if (reader.slot.handle === null) continue;
      if (!this.#isVerifying(reader)) return reader;
      verifies ??= reader;
    }
    return verifies;
  }

  #isVerifying(reader: Reader): boolean {
    for (const read of this.#verifying) if (read.reader === reader) return true;
    return false;
  }

  #flush(): void {
    this.#flushing = false;
    for (const reader of this.#readers) {
      if (reader.outgoing.length === 0) continue;
      const items = reader.outgoing;
      reader.outgoing = [];
      this.#post(reader, items);
    }
  }

  /** A reader that is gone by now: `#lost` has taken care of them. */
  #post({ slot }: Pick<Reader, 'slot'>, items: readonly ReadItem[]): void {
    try {
      slot.handle?.post(items);
    } catch (error) {
      // A request that cannot be sent to a thread, such as one with a function in it. The others have no part in it.
      const reason = (error as Error).message;
      if (items.length > 1) for (const item of items) this.#post({ slot }, [item]);
      else this.#fail(this.#pending.get(items[0]!.id)!, new PlexusError('bad_request', { reason }));
    }
  }

  #dispatchWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const read of waiting) if (this.#pending.has(read.id)) this.#dispatch(read);
  }

  #answered(answers: FromReader): void {
    for (const answer of answers) {
      const read = this.#pending.get(answer.id);
      // Answered by another, after its time was over here.
      if (read === undefined) continue;
      if (answer.ok) {
        this.#forget(read);
        read.resolve(answer.result as never);
      } else this.#refused(read, answer);
    }
  }

  #refused(read: PendingRead, { code, details, text }: Extract<ReadAnswer, { ok: false }>): void {
    const { store, log, onDamage } = this.#options;
    const error = new PlexusError(code, details);
    if (code === 'internal')
      log.error({ store, operation: read.operation, text, event: 'store_read_failed' }, 'a read failed');
    if (code === 'store_damaged') onDamage(error);
    if (isTransient(error)) this.#again(read, error);
    else this.#fail(read, error);
  }

  #lost(reader: Reader, error: Error): void {
    reader.outgoing = [];
    const { store } = this.#options;
    const reason = `a reader died: ${error.message}`;
    for (const read of [...this.#pending.values()]) {
      if (read.reader === reader) this.#again(read, new PlexusError('store_unavailable', { store, reason }));
    }
  }

  /** Another try after a while, if there is time for one. */
  #again(read: PendingRead, error: PlexusError): void {
    const { clock, random, retryMs } = this.#options;
    read.reader = null;
    const waitMs = backoffMs(Math.max(read.tries, 1), random);
    if (clock.now() + waitMs > read.sinceMs + retryMs) {
      this.#fail(read, error);
      return;
    }
    clock.setTimeout(() => {
      if (this.#pending.has(read.id)) this.#dispatch(read);
    }, waitMs);
  }

  #fail(read: PendingRead, error: Error): void {
    this.#forget(read);
    read.reject(error);
  }

  #forget(read: PendingRead): void {
    this.#pending.delete(read.id);
    this.#verifying.delete(read);
    if (this.#pending.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #failIfNoneIsLeft(): void {
    const problem = this.#problemOfAll();
    if (problem === null) return;
    for (const read of [...this.#pending.values()]) this.#fail(read, problem);
    this.#waiting = [];
  }

  /** null: one is up, or will be. */
  #problemOfAll(): PlexusError | null {
    const problems = this.#readers.map(({ slot }) => slot.problem);
    if (problems.includes(null)) return null;
    return new PlexusError('store_unavailable', {
      store: this.#options.store,
      reason: problems[0] ?? 'it has no reader',
    });
  }

  #checkTimes(): void {
    const { clock, timeoutMs, retryMs, store } = this.#options;
    const now = clock.now();
    const totalMs = Math.max(retryMs, timeoutMs);
    for (const read of [...this.#pending.values()]) {
      // Those behind came later still.
      if (read.sinceMs + timeoutMs > now) return;
      if (read.operation === 'verify') continue;
      const isOver = read.sinceMs + totalMs <= now;
      const isLate = read.reader !== null && read.sentMs + timeoutMs <= now;
      if (!isOver && !isLate) continue;
      const error = new PlexusError('timeout', { what: `a read of store ${store}`, timeoutMs });
      if (isOver) this.#fail(read, error);
      else this.#again(read, error);
    }
  }
}
