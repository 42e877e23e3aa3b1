import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../lib/clock.ts';
import type { HostedHandle } from '../lib/sqlite/thread-pool.ts';
import { backoffMs } from './backoff.ts';
import type { WriteBatch } from './messages.ts';
import { isTransient } from './transient.ts';
import { Watch } from './watch.ts';
import { Batch, type BatchAnswer, type PendingWrite, RESULT_FIXED, resultAt } from './write-batch.ts';

export interface InFlightOptions {
  readonly store: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly timeoutMs: number;
  /** How long callers wait in all, if that is longer than `timeoutMs`. */
  readonly retryMs: number;
  /** A write that was given to a writer more than once has failed: tells its caller. */
  readonly settleRepeated: (item: PendingWrite, error: PlexusError, sinceWallMs: number) => void;
  /** Hears of every error that the writer answers. */
  readonly onError: (error: PlexusError) => void;
  /** These are done, well or not. */
  readonly onDone: (items: readonly PendingWrite[]) => void;
}

/** What the writer says of an append whose condition it looks through part by part: each time that it is asked, a part. */
const LOOKING = 'overloaded';
/** When so many writers have died with something in hand, it may be what kills them. */
const SUSPECT_DEATHS = 2;

/**
 * Batches of writes until they are answered, in order. What a writer that died had in hand is sent to the next one first, in the
 * same order. What two writers died with goes to the third item by item, each when the one before is answered: so the one that
 * kills writers is found, and fails. Callers wait for `timeoutMs` while a writer has it in hand, and for `retryMs` in all.
 */
export class InFlight {
  readonly #options: InFlightOptions;
  readonly #batches = new Map<number, Batch>();
  #nextNumber = 0;
  /** null: none is up, or it is given a pause. */
  #writer: HostedHandle | null = null;
  /** Writers that died since the last answer. */
  #failures = 0;
  /** Whether one batch is sent at a time, because there are some that two writers died with. */
  #isCareful = false;
  #resume: Timer | null = null;
  readonly #watch: Watch;

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#watch = new Watch(options.clock, options.timeoutMs, () => {
      this.#checkTimes();
      return this.#batches.size > 0;
    });
  }

  get isEmpty(): boolean {
    return this.#batches.size === 0;
  }

  /** How long the oldest has been waiting; 0: there is none. */
  get oldestMs(): number {
    for (const { sinceMs } of this.#batches.values()) return this.#options.clock.now() - sinceMs;
    return 0;
  }

  /**
   * @param bytes of the appends, to keep
   * @param buffer with the same, which may go to the writer
   * @returns whether `buffer` went, and is gone here
   */
  add(bytes: Buffer, buffer: Buffer, items: readonly PendingWrite[]): boolean {
    const { clock } = this.#options;
    const batch = this.#insert(bytes, items, clock.now(), clock.wallMs());
    if (this.#writer === null || this.#isCareful) return false;
    this.#post(batch, buffer);
    return true;
  }

  /** A writer is there. It gets what waits; after a pause, if others before it died. */
  up(writer: HostedHandle): void {
    const start = (): void => {
      this.#resume = null;
      this.#writer = writer;
      for (const batch of this.#batches.values()) batch.isPaused = false;
      this.#splitSuspects();
      this.#sendAll();
    };
    if (this.#failures === 0) start();
    else this.#resume = this.#options.clock.setTimeout(start, backoffMs(this.#failures, this.#options.random));
  }

  down(): void {
    this.#failures++;
    this.#resume?.cancel();
    this.#writer = null;
    const lost = [...this.#batches.values()].filter(({ isSent, isAnswered }) => isSent && !isAnswered);
    for (const batch of lost) {
      batch.isSent = false;
      batch.deaths++;
      if (batch.isExpired) this.#forget(batch);
    }
    const [alone] = lost;
    if (lost.length === 1 && alone!.items.length === 1 && alone!.deaths >= SUSPECT_DEATHS) this.#giveUp(alone!);
  }

  /** The batch that an answer is for; null: nobody waits for it. */
  answered(number: number): Batch | null {
    this.#failures = 0;
    const batch = this.#batches.get(number);
    if (batch === undefined || batch.isAnswered) return null;
    batch.isAnswered = true;
    if (this.#isCareful) this.#sendAll();
    return batch;
  }

  /** Tells the callers of a batch, unless that was done already. */
  settle(batch: Batch, { results, others, errors }: BatchAnswer): void {
    if (this.#batches.get(batch.number) !== batch) return;
    let at = 0;
    let other = 0;
    let error = 0;
    const again: PendingWrite[] = [];
    let isLooking = true;
    for (let index = 0; index < batch.items.length; index++) {
      const item = batch.items[index]!;
      const failure = errors[error];
      if (failure !== undefined && failure.index === index) {
        error++;
        if (!this.#refused(batch, item, new PlexusError(failure.code, failure.details))) continue;
        if (failure.code !== LOOKING) isLooking = false;
        again.push(item);
      } else if (item.operation === null) {
        item.resolve(resultAt(results, at, item.writes) as never);
        at += RESULT_FIXED + item.writes;
      } else item.resolve(others[other++]!.result as never);
    }
    if (again.length > 0) this.#repeat(batch, again, isLooking ? 0 : backoffMs(batch.tries, this.#options.random));
    this.#batches.delete(batch.number);
    this.#options.onDone(again.length === 0 ? batch.items : batch.items.filter((item) => !again.includes(item)));
  }

  /** Fails everything. */
  fail(error: Error): void {
    for (const batch of [...this.#batches.values()]) {
      batch.fail(error);
      this.#forget(batch);
    }
  }

  stop(error: Error): void {
    this.fail(error);
    this.#resume?.cancel();
    this.#watch.stop();
    this.#writer = null;
  }

  #insert(bytes: Buffer, items: readonly PendingWrite[], sinceMs: number, sinceWallMs: number): Batch {
    return this.#keep(new Batch(this.#nextNumber++, bytes, items, sinceMs, sinceWallMs));
  }

  #keep(batch: Batch): Batch {
    this.#batches.set(batch.number, batch);
    this.#watch.keep();
    return batch;
  }

  /** What the writer has not, in order: all of it, or one at a time. */
  #sendAll(): void {
    const waiting: Batch[] = [];
    let isBusy = false;
    let hasSuspects = false;
    for (const batch of this.#batches.values()) {
      if (batch.isAnswered) continue;
      if (batch.deaths >= SUSPECT_DEATHS) hasSuspects = true;
      if (batch.isSent) isBusy = true;
      else if (!batch.isPaused) waiting.push(batch);
    }
    this.#isCareful = hasSuspects;
    if (!hasSuspects) for (const batch of waiting) this.#sendAgain(batch);
    else if (!isBusy && waiting.length > 0) this.#sendAgain(waiting[0]!);
  }

  /** Batches that two writers died with become one per item, in the same order. */
  #splitSuspects(): void {
    const all = [...this.#batches.values()];
    const isMany = ({ deaths, isAnswered, items }: Batch): boolean =>
      !isAnswered && deaths >= SUSPECT_DEATHS && items.length > 1;
    if (!all.some(isMany)) return;
    this.#batches.clear();
    for (const batch of all) {
      if (!isMany(batch)) this.#batches.set(batch.number, batch);
      else for (const item of batch.items) this.#keep(batch.part(this.#nextNumber++, [item]));
    }
  }

  #giveUp(batch: Batch): void {
    if (!this.#batches.has(batch.number)) return;
    const reason = `its writer died ${batch.deaths} times with this`;
    const error = new PlexusError('store_unavailable', { store: this.#options.store, reason });
    batch.fail(error);
    this.#forget(batch);
  }

  #post(batch: Batch, buffer: Buffer): void {
    batch.isSent = true;
    batch.sentMs = this.#options.clock.now();
    batch.tries++;
    const message: WriteBatch = {
      batch: batch.number,
      buffer,
      count: batch.items.length,
      others: batch.others(),
    };
    this.#writer!.post(message, [buffer.buffer as ArrayBuffer]);
  }

  #sendAgain(batch: Batch): void {
    if (this.#writer === null || batch.isSent || batch.isExpired) return;
    const copy = Buffer.allocUnsafeSlow(batch.bytes.length);
    batch.bytes.copy(copy);
    this.#post(batch, copy);
  }

  /** @returns whether it is worth another try */
  #refused(batch: Batch, item: PendingWrite, error: PlexusError): boolean {
    const { clock, retryMs, onError, settleRepeated } = this.#options;
    onError(error);
    const isWorthIt = isTransient(error) || error.code === LOOKING;
    if (isWorthIt && !batch.isExpired && clock.now() < batch.sinceMs + retryMs) return true;
    if (batch.tries > 1 && item.operation !== null) settleRepeated(item, error, batch.sinceWallMs);
    else item.reject(error);
    return false;
  }

  /** Tries some of a batch again after a while; others go on meanwhile. */
  #repeat(refused: Batch, items: readonly PendingWrite[], waitMs: number): void {
    const { clock } = this.#options;
    const batch = this.#keep(refused.part(this.#nextNumber++, items));
    batch.deaths = 0;
    batch.isPaused = true;
    clock.setTimeout(() => {
      batch.isPaused = false;
      if (this.#batches.has(batch.number)) this.#sendAll();
    }, waitMs);
  }

  #forget(batch: Batch): void {
    this.#batches.delete(batch.number);
    this.#options.onDone(batch.items);
  }

  #checkTimes(): void {
    const { clock, store, timeoutMs, retryMs } = this.#options;
    const totalMs = Math.max(retryMs, timeoutMs);
    const now = clock.now();
    for (const batch of [...this.#batches.values()]) {
      // What a writer has in hand is not given to another while it lives: there is nothing to try again.
      const isLate = batch.isSent && !batch.isAnswered && batch.sentMs + timeoutMs <= now;
      const isOver = batch.sinceMs + totalMs <= now;
      if (batch.isExpired || !(isLate || isOver)) continue;
      batch.isExpired = true;
      const error = batch.isSent
        ? new PlexusError('timeout', { what: `a write to store ${store}`, timeoutMs: isLate ? timeoutMs : totalMs })
        : new PlexusError('store_unavailable', { store, reason: 'its writer died, and no other came in time' });
      batch.fail(error);
      // One that a writer has in hand may be done yet, and is then shown to those who listen.
      if (!batch.isSent) this.#forget(batch);
    }
  }
}
