import { seeded } from '../../src/testing/seed.ts';

/** The next integer in [0, below). */
export type Random = (below: number) => number;

/** The seed in `FC_SEED`, else a new one: to be printed with a failure. */
export const anySeed = (): number => seeded(0).seed ?? Math.floor(Math.random() * 2 ** 31);

/** Random numbers that a seed gives again (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
