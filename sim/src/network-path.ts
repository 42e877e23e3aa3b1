import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How bytes travel from one machine to another, in one direction. */
export interface Weather {
  /** Milliseconds that nothing is faster than. */
  readonly delayMs: number;
  /** Mean of what comes on top of it, exponentially distributed. */
  readonly jitterMs: number;
  /** Shared by all channels on the path. */
  readonly bytesPerMs: number;
}

export const FAIR_WEATHER: Weather = { delayMs: 0.2, jitterMs: 0.3, bytesPerMs: 100_000 };

/** One direction between two machines. While it is blocked nothing gets through, and nobody is told. */
export class NetworkPath {
  weather: Weather = FAIR_WEATHER;
  /** Bytes that have set out. */
  bytes = 0;
  readonly #time: VirtualTime;
  readonly #random: Random;
  #blocks = 0;
  #busyUntil = 0;
  #waiting = new Set<() => void>();

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  get blocked(): boolean {
    return this.#blocks > 0;
  }

  /** As often as it is called, `unblock` has to be. */
  block(): void {
    this.#blocks++;
  }

  unblock(): void {
    if (this.#blocks === 0) throw new Error('a path that is not blocked');
    if (--this.#blocks > 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const call of waiting) call();
  }

  /** Calls once, when it is no longer blocked. The same function is kept once. */
  whenOpen(call: () => void): void {
    this.#waiting.add(call);
  }

  /** @returns when bytes that set out now are there */
  arrival(byteCount: number): number {
    const { delayMs, jitterMs, bytesPerMs } = this.weather;
    this.bytes += byteCount;
    this.#busyUntil = Math.max(this.#busyUntil, this.#time.now) + byteCount / bytesPerMs;
    return this.#busyUntil + delayMs + this.#random.around(jitterMs);
  }

  /** How long a sender waits before it tries what was lost once more. */
  retransmitMs(): number {
    return this.#random.between(1, 400);
  }
}
