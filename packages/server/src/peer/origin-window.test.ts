import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { ORIGIN_WINDOW, OriginWindow } from './origin-window.ts';

describe('messages that come twice', () => {
  it('are told from new ones within the window, as a set would', () => {
    const steps = fc.array(
      fc.record({
        origin: fc.constantFrom('a', 'b'),
        epoch: fc.constantFrom(1, 2),
        jump: fc.integer({ min: -60, max: 60 }),
      }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(steps, fc.nat(2 ** 40), (plan, start) => {
        const window = new OriginWindow();
        const seen = new Set<string>();
        let sequence = start + 100_000;
        for (const { origin, epoch, jump } of plan) {
          sequence += jump;
          const key = `${origin} ${epoch} ${sequence}`;
          expect(window.isNew(origin, epoch, sequence)).toBe(!seen.has(key));
          seen.add(key);
        }
      }),
      seeded(200),
    );
  });

  it('are told at both edges of the window', () => {
    const window = new OriginWindow();
    const highest = 1_000_000;
    window.isNew('a', 1, highest - ORIGIN_WINDOW + 1);
    window.isNew('a', 1, highest);
    expect(window.isNew('a', 1, highest - ORIGIN_WINDOW + 1)).toBe(false);
    expect(window.isNew('a', 1, highest)).toBe(false);
    // Its place in the ring is the one that the lowest had.
    expect(window.isNew('a', 1, highest + 1)).toBe(true);
    expect(window.isNew('a', 1, highest + 1)).toBe(false);
  });

  it('count as new below the window: a message is rather delivered twice than lost', () => {
    const window = new OriginWindow();
    window.isNew('a', 1, 1);
    window.isNew('a', 1, ORIGIN_WINDOW + 1);
    expect(window.isNew('a', 1, 1)).toBe(true);
  });

  it('are forgotten when the numbers leap over the whole window', () => {
    const window = new OriginWindow();
    for (let sequence = 1; sequence <= 100; sequence++) window.isNew('a', 1, sequence);
    expect(window.isNew('a', 1, 10 * ORIGIN_WINDOW + 50)).toBe(true);
    for (let sequence = 51; sequence <= 100; sequence++) {
      expect(window.isNew('a', 1, 10 * ORIGIN_WINDOW + sequence)).toBe(true);
    }
  });

  it('are told for so many origins; the one not heard for longest is forgotten first', () => {
    const window = new OriginWindow(2);
    window.isNew('a', 1, 5);
    window.isNew('b', 1, 5);
    window.isNew('a', 1, 6);
    window.isNew('c', 1, 5);
    expect(window.size).toBe(2);
    expect(window.isNew('a', 1, 5)).toBe(false);
    expect(window.isNew('b', 1, 5)).toBe(true);
  });
});
