import { Fifo } from '../../lib/fifo.ts';
import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import { readHistory } from './history.ts';

/** Parked events that may wait to be delivered again. */
export const MAX_REPLAYS = 100_000;
/** Read from the store at a time. */
const BATCH = 20;

/** Parked events that are to be delivered again: they stay parked in the store until they are answered. */
export class Replayer {
  readonly #engine: Engine;
  readonly #waiting = new Fifo<number>();
  /** Positions that wait, or are with the consumers, and are still parked in the store. */
  readonly #known = new Set<number>();
  #epoch = 0;
  #isReading = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Whether there is something to `read`. */
  get isIdle(): boolean {
    return this.#isReading || this.#waiting.length === 0;
  }

  get isFull(): boolean {
    return this.#known.size >= MAX_REPLAYS;
  }

  /** @returns false: it is on its way already */
  add(position: number): boolean {
    if (this.#known.has(position)) return false;
    this.#known.add(position);
    this.#waiting.push(position);
    return true;
  }

  /** It was taken back from the consumers, unanswered. */
  again(position: number): void {
    if (this.#known.has(position)) this.#waiting.push(position);
  }

  /** It is answered, or dropped. @returns whether it was still parked in the store */
  settle(position: number): boolean {
    return this.#known.delete(position);
  }

  clear(): void {
    this.#epoch++;
    this.#known.clear();
    while (this.#waiting.shift() !== undefined);
  }

  /** Reads the next few. Those that cannot be read wait on. @param take gets them, unless `clear` came in between */
  async read(take: (event: StoredEvent) => void): Promise<void> {
    const epoch = this.#epoch;
    const positions: number[] = [];
    while (positions.length < BATCH && this.#waiting.length > 0) positions.push(this.#waiting.shift()!);
    this.#isReading = true;
    try {
      const pages = await Promise.all(positions.map((position) => readHistory(this.#engine, {}, position, 1)));
      if (epoch !== this.#epoch) return;
      for (const { events } of pages) if (this.#known.has(events[0]!.position)) take(events[0]!);
    } catch (error) {
      if (epoch === this.#epoch) for (const position of positions) this.again(position);
      throw error;
    } finally {
      this.#isReading = false;
    }
  }
}
