import { TokenBucket } from '../lib/token-bucket.ts';

/** Addresses remembered at once. One more than that is let in unlimited, and counted from the next sweep on. */
const MAX_ADDRESSES = 100_000;

/** Limits connection attempts, each address for itself. Addresses that were quiet for long enough are forgotten. */
export class AddressLimiter {
  readonly #ratePerS: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(ratePerS: number, burst: number) {
    this.#ratePerS = ratePerS;
    this.#burst = burst;
  }

  /** @returns whether another attempt from `address` is within its limit */
  take(address: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_ADDRESSES) return true;
      bucket = new TokenBucket(this.#ratePerS, this.#burst, nowMs);
      this.#buckets.set(address, bucket);
    }
    return bucket.take(nowMs);
  }

  /** Forgets addresses whose bucket is full again: they would get the same one. */
  forgetIdle(nowMs: number): void {
    for (const [address, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(address);
  }
}
