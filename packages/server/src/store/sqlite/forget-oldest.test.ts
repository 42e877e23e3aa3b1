import { expect, it } from 'vitest';
import { forgetOldest } from './forget-oldest.ts';

it.each([
  [5, ['a', 'b', 'c']],
  [3, ['a', 'b', 'c']],
  [2, ['b', 'c']],
  [0, []],
])('of three entries the newest %i are kept', (most, kept) => {
  const map = new Map([...'abc'].map((key) => [key, 0]));
  forgetOldest(map, most);
  expect([...map.keys()]).toEqual(kept);
});
