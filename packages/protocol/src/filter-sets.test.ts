import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterCovers, filtersOverlap } from './filter-sets.ts';
import { seeded } from './testing/seed.ts';
import { anyFilter, anyTopic } from './testing/topics.ts';
import { DEFAULT_TOPIC_LIMITS, topicFilterProblem, topicMatches } from './topic.ts';

/** Every row of up to `most` of these words. */
function rows(words: readonly string[], most: number): string[][] {
  const all: string[][] = [[]];
  for (let at = 0; at < all.length; at++) {
    if (all[at]!.length < most) for (const word of words) all.push([...all[at]!, word]);
  }
  return all.slice(1);
}

// Topics are one level longer than filters, and have a word that no filter names: they stand for all the others.
const TOPICS = rows(['', 'a', '$a', 'z'], 4)
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');
const FILTERS = rows(['', 'a', '$a', '+', '#'], 3)
  .map((levels) => levels.join('/'))
  .filter((filter) => topicFilterProblem(filter, DEFAULT_TOPIC_LIMITS) === null);

const matched = new Map(FILTERS.map((filter) => [filter, new Set(TOPICS.filter((one) => topicMatches(filter, one)))]));

describe('sets of topics', () => {
  it('of every pair of small filters are compared as counting says', () => {
    expect(FILTERS.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    for (const [outer, wide] of matched) {
      for (const [inner, narrow] of matched) {
        if (filterCovers(outer, inner) !== narrow.isSubsetOf(wide)) wrong.push(`${outer} covers ${inner}`);
        if (filtersOverlap(outer, inner) === narrow.isDisjointFrom(wide)) wrong.push(`${outer} overlaps ${inner}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('of longer filters are compared as their topics say', () => {
    fc.assert(
      fc.property(anyFilter, anyFilter, fc.array(anyTopic, { maxLength: 20 }), (one, other, topics) => {
        const both = topics.filter((topic) => topicMatches(one, topic) && topicMatches(other, topic));
        if (both.length > 0) expect(filtersOverlap(one, other)).toBe(true);
        if (topics.some((topic) => topicMatches(other, topic) && !topicMatches(one, topic))) {
          expect(filterCovers(one, other)).toBe(false);
        }
        if (filterCovers(one, other)) expect(filtersOverlap(one, other)).toBe(true);
        expect(filtersOverlap(other, one)).toBe(filtersOverlap(one, other));
        expect(filterCovers(one, one)).toBe(true);
      }),
      seeded(2000),
    );
  });

  it('covering goes on from one to the next', () => {
    fc.assert(
      fc.property(anyFilter, anyFilter, anyFilter, (a, b, c) => {
        if (filterCovers(a, b) && filterCovers(b, c)) expect(filterCovers(a, c)).toBe(true);
      }),
      seeded(2000),
    );
  });

  it.each([
    ['a/#', 'a', true],
    ['a/#', 'a/b/+', true],
    ['a/#', '#', false],
    ['#', '+/#', true],
    ['+/#', '#', true],
    ['+/+/#', '#', false],
    ['#', '$SYS/#', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/+', true],
    ['a/+', 'a/#', false],
    ['a/+', 'a/$b', true],
    ['/#', '/', true],
    ['/+/#', '/#', true],
  ])('%s covers %s: %s', (outer, inner, expected) => {
    expect(filterCovers(outer, inner)).toBe(expected);
  });

  it.each([
    ['a/#', 'a', true],
    ['a/#', '+', true],
    ['a/+', '+/b', true],
    ['a/+', 'a', false],
    ['a/b', 'a/c', false],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/#', false],
    ['$SYS/#', '$SYS/+', true],
    ['#', '+', true],
    ['/#', '+', false],
  ])('%s overlaps %s: %s', (one, other, expected) => {
    expect(filtersOverlap(one, other)).toBe(expected);
    expect(filtersOverlap(other, one)).toBe(expected);
  });
});
