import { expect, it } from 'vitest';
import { DEFAULT_STORES, defaultReaders, parseStores } from './stores.ts';

it.each([
  [1, 1],
  [2, 1],
  [3, 2],
  [5, 4],
  [16, 4],
])('on %i processors a store has %i readers unless told otherwise', (processors, readers) => {
  expect(defaultReaders(processors)).toBe(readers);
});

it('a store that does not say how many readers it has gets as many as the default store', () => {
  expect(parseStores([{ name: 'default' }])).toEqual(DEFAULT_STORES);
});
