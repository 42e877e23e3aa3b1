import type { Clock, Timer } from '../lib/clock.ts';

/** Looks after times as long as something waits: one timer for all, late by a tenth of `timeoutMs` at most. */
export class Watch {
  readonly #clock: Clock;
  readonly #everyMs: number;
  /** Looks at the times. @returns whether something still waits */
  readonly #look: () => boolean;
  #timer: Timer | null = null;

  constructor(clock: Clock, timeoutMs: number, look: () => boolean) {
    this.#clock = clock;
    this.#everyMs = Math.min(Math.max(timeoutMs / 10, 1), 500);
    this.#look = look;
  }

  /** Something waits. */
  keep(): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = null;
      if (this.#look()) this.keep();
    }, this.#everyMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
