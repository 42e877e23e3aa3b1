/**
 * Token bucket: `burst` tokens at first, refilled at `ratePerS`, never above `burst`. Time comes in as an argument, so
 * that one clock value serves a whole batch.
 */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #updatedAt: number;

  /** @param nowMs monotonic milliseconds, as `Clock.now()` gives them. */
  constructor(ratePerS: number, burst: number, nowMs: number) {
    this.#ratePerMs = ratePerS / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#updatedAt = nowMs;
  }

  /** Takes `count` tokens if that many are there; takes none otherwise. */
  take(nowMs: number, count = 1): boolean {
    this.#refill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Whether it is as good as new: whoever keeps many buckets can forget this one. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#burst;
  }

  #refill(nowMs: number): void {
    const elapsedMs = nowMs - this.#updatedAt;
    if (elapsedMs <= 0) return;
    this.#updatedAt = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsedMs * this.#ratePerMs);
  }
}
