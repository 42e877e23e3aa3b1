import type { RateLimitedLog } from '../../lib/log.ts';

const WARN_AT = 0.8;
const CALM_AT = 0.5;

/** Says in the log that a queue fills up. @param subscription null: of a reader without a name */
export function logFilling(log: RateLimitedLog, subscription: string | null, queued: number, bound: number): void {
  log.warn('store_queue_filling', { subscription, queued, bound }, 'a queue has passed 80 % of its bound');
}

/** Warns once when a queue has filled up to 80 %, and again only after it was down to 50 %. */
export class FillWarning {
  #isUp = false;

  /** @returns whether to warn */
  rises(size: number, bound: number): boolean {
    if (this.#isUp || size < bound * WARN_AT) return false;
    this.#isUp = true;
    return true;
  }

  falls(size: number, bound: number): void {
    if (this.#isUp && size <= bound * CALM_AT) this.#isUp = false;
  }
}
