/** A timer that has been set. */
export interface Timer {
  /** Idempotent, and harmless after the timer has fired. */
  cancel(): void;
}

/**
 * Time, as everything above `lib` gets it. The system's clock in a node, a virtual one in tests and in the simulation.
 */
export interface Clock {
  /** Monotonic milliseconds, with fractions, from an arbitrary start. For durations and deadlines. */
  now(): number;
  /** Milliseconds since 1970, as the system believes. For people and for what outlives the process. */
  wallMs(): number;
  /** Calls once after `ms` milliseconds. Does not keep the process alive. */
  setTimeout(fn: () => void, ms: number): Timer;
  /** Calls every `ms` milliseconds until cancelled. Does not keep the process alive. */
  setInterval(fn: () => void, ms: number): Timer;
  /** Calls once, after the input and output events of this turn of the event loop. */
  setImmediate(fn: () => void): void;
}

// Longer delays overflow a 32-bit integer, and Node would fire at once.
const MAX_DELAY_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** A timeout beyond what Node can count in one go. */
class LongTimer implements Timer {
  readonly #fn: () => void;
  readonly #deadline: number;
  #handle: NodeJS.Timeout | null = null;

  constructor(fn: () => void, ms: number) {
    this.#fn = fn;
    this.#deadline = performance.now() + ms;
    this.#arm();
  }

  cancel(): void {
    if (this.#handle !== null) clearTimeout(this.#handle);
    this.#handle = null;
  }

  #arm(): void {
    const left = this.#deadline - performance.now();
    if (left <= MAX_DELAY_MS) this.#handle = setTimeout(this.#fn, left).unref();
    else this.#handle = setTimeout(() => this.#arm(), MAX_DELAY_MS).unref();
  }
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  setTimeout: (fn, ms) => (ms > MAX_DELAY_MS ? new LongTimer(fn, ms) : new SystemTimer(setTimeout(fn, ms))),
  setInterval: (fn, ms) => new SystemTimer(setInterval(fn, Math.min(ms, MAX_DELAY_MS))),
  setImmediate: (fn) => {
    setImmediate(fn);
  },
};
