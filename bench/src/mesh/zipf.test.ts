import { describe, expect, it } from 'vitest';
import { idealLru, zipfTrace } from './zipf.ts';

describe('a trace after Zipf', () => {
  it('has each item about as often as its rank says', () => {
    const trace = zipfTrace(500, 100_000, 1);
    const counts = new Array<number>(500).fill(0);
    for (const item of trace) counts[item]!++;
    const harmonic = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
    for (const rank of [0, 1, 9, 99]) {
      const expected = trace.length / (rank + 1) / harmonic;
      expect(Math.abs(counts[rank]! - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
    expect(counts.at(-1)).toBeGreaterThan(0);
  });

  it('is the same for the same seed, and another for another', () => {
    expect(zipfTrace(10, 100, 7)).toEqual(zipfTrace(10, 100, 7));
    expect(zipfTrace(10, 100, 7)).not.toEqual(zipfTrace(10, 100, 8));
  });
});

describe('an ideal LRU', () => {
  it('gives up the item not used for longest', () => {
    expect(idealLru(Uint32Array.of(1, 2, 1, 3, 1, 2), 2)).toEqual({ hits: 2, evictions: 2 });
    expect(idealLru(Uint32Array.of(1, 2, 3, 1, 2, 3), 2)).toEqual({ hits: 0, evictions: 4 });
    expect(idealLru(Uint32Array.of(1, 2, 3, 1, 2, 3), 3)).toEqual({ hits: 3, evictions: 0 });
  });

  it('of 100 of 500 items finds about two thirds', () => {
    const trace = zipfTrace(500, 40_000, 1);
    const share = idealLru(trace, 100).hits / trace.length;
    expect(share).toBeGreaterThan(0.64);
    expect(share).toBeLessThan(0.7);
  });
});
