import type { Clock, Timer } from '../../lib/clock.ts';

/** The system's clock may be set meanwhile: what is due by it is looked at as often as this. */
const LONGEST_MS = 60_000;

/** One timer for many deadlines: set for the soonest, and whoever is woken says which is next. */
export class Alarm {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: Timer | null = null;
  #dueMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** To be woken at `dueMs` of the monotonic clock, or before. */
  by(dueMs: number): void {
    if (this.#stopped || dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    const delayMs = Math.min(Math.max(dueMs - this.#clock.now(), 0), LONGEST_MS);
    this.#timer = this.#clock.setTimeout(() => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#timer = null;
      this.#wake();
    }, delayMs);
  }

  /** As `by`, with a time of the wall clock. */
  byWall(wallMs: number): void {
    this.by(this.#clock.now() + wallMs - this.#clock.wallMs());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }
}
