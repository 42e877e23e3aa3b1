import type { ConnectionLimits } from '@libp2p/interface';

/** A limit is near when less than a quarter of it is left, and less than this. */
const NEAR_MS = 60_000;
const NEAR_BYTES = 64 * 1024 * 1024;
/**
 * The specification of relays has seconds, those of js-libp2p say milliseconds in the same place. Nobody limits a connection to less than a
 * second: whatever is below a thousand is seconds.
 */
const LEAST_MS = 1000;

/** What a relay lets through on one connection. It says so at the beginning; what it meant shows in the end. */
export class RelayLimits {
  readonly #limits: ConnectionLimits;
  readonly #endsMs: number;
  readonly #nearMs: number;
  readonly #nearBytes: number;

  /** @param nowMs when the connection began, or soon after */
  constructor(limits: ConnectionLimits, nowMs: number) {
    this.#limits = limits;
    const said = limits.seconds ?? Number.POSITIVE_INFINITY;
    const wholeMs = said < LEAST_MS ? said * 1000 : said;
    this.#endsMs = nowMs + wholeMs;
    this.#nearMs = Math.min(wholeMs / 4, NEAR_MS);
    this.#nearBytes = Math.min(Number(limits.bytes ?? 0n) / 4, NEAR_BYTES);
  }

  isNear(nowMs: number): boolean {
    if (this.#endsMs - nowMs < this.#nearMs) return true;
    return this.#limits.bytes !== undefined && Number(this.#limits.bytes) < this.#nearBytes;
  }
}
