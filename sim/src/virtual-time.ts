import { EventHeap } from './event-heap.ts';

/** Events between two breaths of the real event loop: so that a test runner's messages and signals get through. */
const BREATH_EVERY = 8192;

/**
 * Resolves when no promise has anything left to do. Asked for from within a microtask, Node runs the tick only after all
 * microtasks, and those that they cause.
 */
const microtasksDone = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface Cancellable {
  cancel(): void;
}

/**
 * The time of a simulated world, and the order in which everything in it happens: by time, then by order of scheduling. What promises
 * cause happens between two events, all of it, so that they too have one order only.
 */
export class VirtualTime {
  /** Milliseconds, with fractions, since the beginning of the world. */
  now = 0;
  /** Events so far. */
  events = 0;
  readonly #heap = new EventHeap();
  #order = 0;
  #stopped = false;

  get pending(): number {
    return this.#heap.size;
  }

  /** Never before now. */
  at(ms: number, fn: () => void): Cancellable {
    const event = { at: Math.max(ms, this.now), order: this.#order++, fn };
    this.#heap.push(event);
    return { cancel: () => this.#heap.cancel(event) };
  }

  after(ms: number, fn: () => void): Cancellable {
    return this.at(this.now + ms, fn);
  }

  /** `run` returns after the event that is under way. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Lets everything happen that is due until `ms`, unless `stop` is called.
   * @throws what an event throws: the world ends there
   */
  async runUntil(ms: number): Promise<void> {
    await microtasksDone();
    await microtasksDone();
    while (!this.#stopped) {
      const event = this.#heap.takeUntil(ms);
      if (event === null) break;
      this.now = event.at;
      this.events++;
      const fn = event.fn!;
      event.fn = null;
      fn();
      await microtasksDone();
      if (this.events % BREATH_EVERY === 0) await breath();
    }
    if (!this.#stopped) this.now = Math.max(this.now, ms);
  }
}
