const FIRST_MS = 100;
const MOST_MS = 5000;

/** How long a request is tried again, from the first try on. */
export const RETRY_TOTAL_MS = 10_000;

/**
 * How long to wait before another try: 100 ms, doubled with each, up to 5 s; then half of it for certain and half at random,
 * so that those who failed together do not come back together.
 * @param tries that failed so far, at least 1
 * @param random in [0, 1)
 */
export function backoffMs(tries: number, random: () => number): number {
  const whole = Math.min(FIRST_MS * 2 ** (tries - 1), MOST_MS);
  return whole / 2 + (whole / 2) * random();
}
