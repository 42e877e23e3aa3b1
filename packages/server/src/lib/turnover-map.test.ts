import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { TurnoverMap } from './turnover-map.ts';

describe('a turnover map', () => {
  it('behaves as a map does, whatever is done to it', () => {
    const action = fc.record({ sets: fc.boolean(), key: fc.integer({ min: 0, max: 20 }) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const map = new TurnoverMap<number, { step: number }>();
        const model = new Map<number, { step: number }>();
        actions.forEach(({ sets, key }, step) => {
          if (sets) {
            const value = { step };
            map.set(key, value);
            model.set(key, value);
          } else expect(map.delete(key)).toBe(model.delete(key));
          expect(map.get(key)).toBe(model.get(key));
          expect(map.has(key)).toBe(model.has(key));
          expect(map.size).toBe(model.size);
        });
        expect([...map.keys()]).toEqual([...model.keys()]);
        expect([...map.values()]).toEqual([...model.values()]);
      }),
      seeded(300),
    );
  });

  it('can change while it is walked through', () => {
    const map = new TurnoverMap<number, { key: number }>();
    for (let key = 1; key <= 4; key++) map.set(key, { key });
    const seen: number[] = [];
    for (const { key } of map.values()) {
      seen.push(key);
      if (key !== 1) continue;
      // The place of 1 or 3 becomes that of 5.
      map.delete(1);
      map.delete(3);
      map.set(5, { key: 5 });
    }
    expect(seen).toEqual([1, 2, 4, 5]);
  });
});
