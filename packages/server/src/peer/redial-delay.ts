const FIRST_MS = 100;
const MOST_MS = 10_000;
/** Tries after which the delay grows no more. */
export const MOST_TRIES = 8;

/**
 * How long to wait before a peer is dialled again: 100 ms, doubled with each failure up to 10 s; then half of it for certain and
 * half at random, so that nodes that lost the same peer do not come back together.
 * @param tries that failed so far, at least 1
 * @param random in [0, 1)
 */
export function redialDelayMs(tries: number, random: () => number): number {
  const whole = Math.min(FIRST_MS * 2 ** (tries - 1), MOST_MS);
  return whole / 2 + (whole / 2) * random();
}
