import { expect, it } from 'vitest';
import { MOST_TRIES, redialDelayMs } from './redial-delay.ts';

it('a delay doubles from 100 ms to 10 s, half of it by chance', () => {
  const tries = [1, 2, 3, 7, MOST_TRIES, MOST_TRIES + 1];
  expect(tries.map((count) => redialDelayMs(count, () => 0))).toEqual([50, 100, 200, 3200, 5000, 5000]);
  expect(tries.map((count) => redialDelayMs(count, () => 1))).toEqual([100, 200, 400, 6400, 10_000, 10_000]);
});
