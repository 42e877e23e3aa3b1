import type { AppendResult } from '../store/append.ts';
import type { WriteName } from '../store/operations.ts';
import type { FromWriter, OtherWrite } from './messages.ts';

/** One write that its caller waits for. */
export class PendingWrite {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  /** null: an append. */
  readonly operation: WriteName | null;
  readonly request: unknown;
  /** Of an append: how many streams it writes. */
  readonly writes: number;
  /** Of an append: where it is among the bytes of its batch. */
  readonly start: number;
  readonly end: number;
  /** What it counts for in the queue. */
  readonly weight: number;

  constructor(
    resolve: (result: never) => void,
    reject: (error: Error) => void,
    operation: WriteName | null,
    request: unknown,
    writes: number,
    start: number,
    end: number,
    weight: number,
  ) {
    this.resolve = resolve;
    this.reject = reject;
    this.operation = operation;
    this.request = request;
    this.writes = writes;
    this.start = start;
    this.end = end;
    this.weight = weight;
  }

  /** The same among the bytes of another batch. */
  movedTo(start: number): PendingWrite {
    const { resolve, reject, operation, request, writes, weight } = this;
    return new PendingWrite(resolve, reject, operation, request, writes, start, start + this.end - this.start, weight);
  }
}

/** Writes that go to the writer as one message, until they are answered. */
export class Batch {
  readonly number: number;
  /** Their appends, one after another. Kept, because the writer may die with those that it was sent. */
  readonly bytes: Buffer;
  readonly items: readonly PendingWrite[];
  /** When their callers began to wait. */
  readonly sinceMs: number;
  /** By the wall clock, for comparison with times in the store. */
  readonly sinceWallMs: number;
  /** Whether a writer has it in hand. */
  isSent = false;
  /** When the writer that has it in hand was given it. */
  sentMs = 0;
  /** Whether a writer has answered it. What it says may have to wait until it is shown. */
  isAnswered = false;
  /** Whether it is to wait before it is sent again. */
  isPaused = false;
  /** How often a writer was given it. */
  tries = 0;
  /** How many writers died with it in hand. */
  deaths = 0;
  /** Whether its callers have been told that it took too long. */
  isExpired = false;

  constructor(number: number, bytes: Buffer, items: readonly PendingWrite[], sinceMs: number, sinceWallMs: number) {
    this.number = number;
    this.bytes = bytes;
    this.items = items;
    this.sinceMs = sinceMs;
    this.sinceWallMs = sinceWallMs;
  }

  /** What the writer is told of those that are no appends. */
  others(): OtherWrite[] {
    const others: OtherWrite[] = [];
    for (let index = 0; index < this.items.length; index++) {
      const { operation, request } = this.items[index]!;
      if (operation !== null) others.push({ index, operation, request });
    }
    return others;
  }

  /** Some of its items as a batch of their own. */
  part(number: number, items: readonly PendingWrite[]): Batch {
    let at = 0;
    const moved = items.map((item) => {
      const start = at;
      at += item.end - item.start;
      return item.movedTo(start);
    });
    const bytes = Buffer.concat(items.map(({ start, end }) => this.bytes.subarray(start, end)));
    const batch = new Batch(number, bytes, moved, this.sinceMs, this.sinceWallMs);
    batch.tries = this.tries;
    batch.deaths = this.deaths;
    return batch;
  }

  fail(error: Error): void {
    for (const item of this.items) item.reject(error);
  }
}

export type BatchAnswer = Extract<FromWriter, { kind: 'done' }>;

/** In front of the versions in `BatchAnswer.results`: position, time, duplicate. */
export const RESULT_FIXED = 3;

/** The result of an append that begins at `at`. */
export function resultAt(results: Float64Array, at: number, writes: number): AppendResult {
  const versions: number[] = [];
  for (let i = 0; i < writes; i++) versions.push(results[at + RESULT_FIXED + i]!);
  return { position: results[at]!, versions, timeUs: results[at + 1]!, duplicate: results[at + 2] === 1 };
}
