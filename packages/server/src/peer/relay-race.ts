import type { Clock, Timer } from '../lib/clock.ts';

/** What direct addresses get before those over relays are tried beside them: packets to an address in another private network just vanish. */
const HEAD_START_MS = 1000;

/** A try that comes to null when nothing answered. */
export type Way<T> = (signal: AbortSignal) => Promise<T | null>;

/**
 * Tries to reach a peer directly; over relays only when that has failed, or takes long. The first to get there wins, and the other is aborted.
 * @returns null: neither did
 */
export async function directFirst<T>(
  direct: Way<T>,
  relayed: Way<T>,
  clock: Pick<Clock, 'setTimeout'>,
  signal: AbortSignal,
): Promise<T | null> {
  const decided = new AbortController();
  const until = AbortSignal.any([signal, decided.signal]);
  const first = direct(until);
  let timer: Timer | null = null;
  const headStart = new Promise<null>((resolve) => {
    timer = clock.setTimeout(() => resolve(null), HEAD_START_MS);
  });
  const early = await Promise.race([first, headStart]);
  (timer as Timer | null)?.cancel();
  if (early !== null || signal.aborted) return early;
  const winner = await firstOf([first, relayed(until)]);
  decided.abort();
  return winner;
}

function firstOf<T>(tries: readonly Promise<T | null>[]): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let left = tries.length;
    for (const each of tries) {
      each.then((result) => {
        left--;
        if (result !== null || left === 0) resolve(result);
      }, reject);
    }
  });
}
