import type { Clock, Timer } from '../../lib/clock.ts';
import { TokenBucket } from '../../lib/token-bucket.ts';
import type { CachedKey } from './cached-key.ts';

/** Covered keys that are due: they are refreshed at a rate that all share, those answered longest ago first. */
export class CoveredTurns {
  readonly #clock: Clock;
  readonly #ratePerS: number;
  readonly #refresh: (entry: CachedKey) => void;
  readonly #waiting = new Set<CachedKey>();
  readonly #tokens: TokenBucket;
  #timer: Timer | null = null;

  /** @param refresh its turn has come; it waits no more */
  constructor(clock: Clock, ratePerS: number, refresh: (entry: CachedKey) => void) {
    this.#clock = clock;
    this.#ratePerS = ratePerS;
    this.#refresh = refresh;
    this.#tokens = new TokenBucket(ratePerS, 1, clock.now());
  }

  has(entry: CachedKey): boolean {
    return this.#waiting.has(entry);
  }

  add(entry: CachedKey): void {
    this.#waiting.add(entry);
    this.#take();
  }

  delete(entry: CachedKey): void {
    this.#waiting.delete(entry);
  }

  stop(): void {
    this.#waiting.clear();
    this.#timer?.cancel();
    this.#timer = null;
  }

  #take(): void {
    if (this.#timer !== null) return;
    while (this.#waiting.size > 0) {
      if (!this.#tokens.take(this.#clock.now())) {
        // A millisecond more than a token takes, so that rounding does not cost another round.
        this.#timer = this.#clock.setTimeout(
          () => {
            this.#timer = null;
            this.#take();
          },
          1000 / this.#ratePerS + 1,
        );
        return;
      }
      const entry = this.#longestUnanswered();
      this.#waiting.delete(entry);
      this.#refresh(entry);
    }
  }

  /** One pass over those that wait, for one query: with ten thousand of them, a small part of what the query takes. */
  #longestUnanswered(): CachedKey {
    let first: CachedKey | null = null;
    for (const entry of this.#waiting) if (first === null || entry.answeredAt < first.answeredAt) first = entry;
    return first!;
  }
}
