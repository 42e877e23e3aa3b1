/** Why work was not done. */
export type NotDone = 'full' | 'unwanted';

interface Waiting {
  readonly wanted: () => boolean;
  readonly start: (not: NotDone | null) => void;
}

/** Runs a few asynchronous tasks at a time; a bounded number waits, in order. For work that costs more than asking for it. */
export class LimitedWork {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(atOnce: number, maxWaiting: number) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * @param wanted asked when its turn comes: whether anybody still waits for the result
   * @returns the result; `full` at once when too many wait; `unwanted` when nobody did any more
   */
  async run<T>(task: () => Promise<T>, wanted: () => boolean): Promise<T | NotDone> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) return 'full';
      const not = await new Promise<NotDone | null>((start) => this.#waiting.push({ wanted, start }));
      if (not !== null) return not;
    } else this.#running++;
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Hands the place on to the oldest that is still wanted. */
  #next(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.wanted()) {
        next.start(null);
        return;
      }
      next.start('unwanted');
    }
    this.#running--;
  }
}
