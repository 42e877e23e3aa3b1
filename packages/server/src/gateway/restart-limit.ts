const MAX_RESTARTS = 5;
const WINDOW_MS = 60_000;

/** How often a worker may be started again: 5 times in 60 s. */
export class RestartLimit {
  /** Of the restarts of the last 60 s, oldest first. */
  readonly #times: number[] = [];
  #total = 0;

  /** Since the beginning. */
  get total(): number {
    return this.#total;
  }

  /** @returns ms until a restart is allowed; 0: now */
  waitMs(now: number): number {
    while (this.#times.length > 0 && this.#times[0]! <= now - WINDOW_MS) this.#times.shift();
    return this.#times.length < MAX_RESTARTS ? 0 : this.#times[0]! + WINDOW_MS - now;
  }

  note(now: number): void {
    this.#times.push(now);
    this.#total++;
  }
}
