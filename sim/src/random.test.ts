import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const some = (random: Random, count = 5): number[] => Array.from({ length: count }, () => random.word());

describe('Random', () => {
  it('gives the same numbers for the same key', () => {
    expect(some(new Random('a'))).toEqual(some(new Random('a')));
    expect(some(new Random('a'))).not.toEqual(some(new Random('b')));
  });

  it('forks by name, whatever was drawn before', () => {
    const fresh = new Random('a');
    const used = new Random('a');
    some(used, 100);
    expect(some(used.fork('x'))).toEqual(some(fresh.fork('x')));
    expect(some(fresh.fork('x'))).not.toEqual(some(fresh.fork('y')));
  });

  it('spreads over its range', () => {
    const random = new Random('spread');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const mean = Array.from({ length: 20_000 }, () => random.around(7)).reduce((a, b) => a + b) / 20_000;
    expect(Math.abs(mean - 7)).toBeLessThan(0.3);
  });

  it('picks some without picking one twice', () => {
    const random = new Random('some');
    for (let i = 0; i < 100; i++) expect(new Set(random.some([1, 2, 3, 4], 3)).size).toBe(3);
    expect(random.some([1, 2], 5).toSorted()).toEqual([1, 2]);
  });
});
