import { topicMatches } from '@plexus/protocol';
import { expect, it } from 'vitest';
import { filterOf, topicOf } from './filters.ts';

const COUNT = 110_000;

it('filters are all different', () => {
  const filters = new Set(Array.from({ length: COUNT }, (_, index) => filterOf(index)));
  expect(filters.size).toBe(COUNT);
});

it('a topic matches its own filter and not that of its neighbours', () => {
  for (let index = 1; index < COUNT; index += 97) {
    expect(topicMatches(filterOf(index), topicOf(index))).toBe(true);
    expect(topicMatches(filterOf(index), topicOf(index - 1))).toBe(false);
  }
});
