import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../lib/clock.ts';
import type { HostedHandle } from '../lib/sqlite/thread-pool.ts';
import { backoffMs, watchMs } from './backoff.ts';
import type { WriteBatch } from './messages.ts';
import { isTransient } from './transient.ts';
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

/**
 * Batches of writes until they are answered, in order. What a writer that died had in hand is sent to the next one first, in the
 * same order. Callers wait for `retryMs` in all, or one `timeoutMs` if that is longer.
 */
export class InFlight {
  readonly #options: InFlightOptions;
  readonly #batches = new Map<number, Batch>();
  #nextNumber = 0;
  /** null: none is up, or it is given a pause. */
  #writer: HostedHandle | null = null;
  /** Writers that died since the last answer. */
  #failures = 0;
  #resume: Timer | null = null;
  #watch: Timer | null = null;

  constructor(options: InFlightOptions) {
    this.#options = options;
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
    if (this.#writer === null) return false;
    this.#post(batch, buffer);
    return true;
  }

  /** A writer is there. It gets what waits; after a pause, if others before it died. */
  up(writer: HostedHandle): void {
    const start = (): void => {
      this.#resume = null;
      this.#writer = writer;
      for (const batch of this.#batches.values()) this.#sendAgain(batch);
    };
    if (this.#failures === 0) start();
    else this.#resume = this.#options.clock.setTimeout(start, backoffMs(this.#failures, this.#options.random));
  }

  down(): void {
    this.#failures++;
    this.#resume?.cancel();
    this.#writer = null;
    for (const batch of this.#batches.values()) {
      batch.isSent = false;
      if (batch.isExpired) this.#forget(batch);
    }
  }

  /** The batch that an answer is for; null: nobody waits for it. */
  answered(number: number): Batch | null {
    this.#failures = 0;
    return this.#batches.get(number) ?? null;
  }

  /** Tells the callers of a batch. */
  settle(batch: Batch, { results, others, errors }: BatchAnswer): void {
    let at = 0;
    let other = 0;
    let error = 0;
    const again: PendingWrite[] = [];
    for (let index = 0; index < batch.items.length; index++) {
      const item = batch.items[index]!;
      const failure = errors[error];
      if (failure !== undefined && failure.index === index) {
        error++;
        if (this.#refused(batch, item, new PlexusError(failure.code, failure.details))) again.push(item);
      } else if (item.operation === null) {
        item.resolve(resultAt(results, at, item.writes) as never);
        at += RESULT_FIXED + item.writes;
      } else item.resolve(others[other++]!.result as never);
    }
    if (again.length > 0) this.#repeat(batch, again);
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
    this.#watch?.cancel();
    this.#writer = null;
  }

  #insert(bytes: Buffer, items: readonly PendingWrite[], sinceMs: number, sinceWallMs: number): Batch {
    const batch = new Batch(this.#nextNumber++, bytes, items, sinceMs, sinceWallMs);
    this.#batches.set(batch.number, batch);
    this.#keepWatch();
    return batch;
  }

  #post(batch: Batch, buffer: Buffer): void {
    batch.isSent = true;
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
    if (isTransient(error) && !batch.isExpired && clock.now() < batch.sinceMs + retryMs) return true;
    if (batch.tries > 1 && item.operation !== null) settleRepeated(item, error, batch.sinceWallMs);
    else item.reject(error);
    return false;
  }

  /** Tries some of a batch again after a while; others go on meanwhile. */
  #repeat({ bytes, sinceMs, sinceWallMs, tries }: Batch, items: readonly PendingWrite[]): void {
    const { clock, random } = this.#options;
    const parts = items.map(({ start, end }) => bytes.subarray(start, end));
    let at = 0;
    const moved = items.map((item) => {
      const start = at;
      at += item.end - item.start;
      return item.movedTo(start);
    });
    const batch = this.#insert(Buffer.concat(parts), moved, sinceMs, sinceWallMs);
    batch.tries = tries;
    clock.setTimeout(
      () => {
        if (this.#batches.has(batch.number)) this.#sendAgain(batch);
      },
      backoffMs(tries, random),
    );
  }

  #forget(batch: Batch): void {
    this.#batches.delete(batch.number);
    this.#options.onDone(batch.items);
  }

  /** Looks after times as long as something waits: one timer for all. */
  #keepWatch(): void {
    if (this.#watch !== null) return;
    const { clock, timeoutMs } = this.#options;
    this.#watch = clock.setTimeout(() => {
      this.#watch = null;
      this.#checkTimes();
      if (this.#batches.size > 0) this.#keepWatch();
    }, watchMs(timeoutMs));
  }

  #checkTimes(): void {
    const { clock, store, timeoutMs, retryMs } = this.#options;
    const totalMs = Math.max(retryMs, timeoutMs);
    const now = clock.now();
    for (const batch of [...this.#batches.values()]) {
      if (batch.isExpired || batch.sinceMs + totalMs > now) continue;
      batch.isExpired = true;
      const error = batch.isSent
        ? new PlexusError('timeout', { what: `a write to store ${store}`, timeoutMs: totalMs })
        : new PlexusError('store_unavailable', { store, reason: 'its writer died, and no other came in time' });
      batch.fail(error);
      // One that a writer has in hand may be done yet, and is then shown to those who listen.
      if (!batch.isSent) this.#forget(batch);
    }
  }
}
