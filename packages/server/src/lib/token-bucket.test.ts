import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('token bucket', () => {
  it('gives its burst at once, then its rate', () => {
    const bucket = new TokenBucket(10, 3, 0);
    expect([0, 0, 0, 0].map((now) => bucket.take(now))).toEqual([true, true, true, false]);
    expect(bucket.take(99)).toBe(false);
    expect(bucket.take(100)).toBe(true);
    expect(bucket.isFull(300)).toBe(false);
    expect(bucket.isFull(400)).toBe(true);
  });

  it('takes nothing when it has too little, and ignores time that goes back', () => {
    const bucket = new TokenBucket(1, 2, 1000);
    expect(bucket.take(1000, 3)).toBe(false);
    expect(bucket.take(500, 2)).toBe(true);
    expect(bucket.take(1000)).toBe(false);
  });

  it('never gives more than burst + rate × time', () => {
    const seed = process.env.FC_SEED;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
        (rate, burst, steps) => {
          const bucket = new TokenBucket(rate, burst, 0);
          let now = 0;
          let taken = 0;
          for (const step of steps) {
            now += step;
            if (bucket.take(now)) taken++;
            expect(taken).toBeLessThanOrEqual(burst + (rate * now) / 1000 + 1e-6);
          }
        },
      ),
      seed === undefined ? {} : { seed: Number(seed) },
    );
  });
});
