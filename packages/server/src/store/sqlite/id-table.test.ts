import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { IdTable } from './id-table.ts';

describe('a table of ids', () => {
  it('knows what a map knows, however it was filled and emptied', () => {
    const id = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 3 }));
    const step = fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 50, arbitrary: id });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new IdTable();
        const map = new Map<string, number>();
        steps.forEach((words, n) => {
          if (words === null) {
            table.clear();
            map.clear();
            return;
          }
          const buffer = Buffer.alloc(20);
          words.forEach((word, i) => {
            buffer.writeUInt32LE(word * 0x3fffffff, 3 + i * 4);
          });
          const key = words.join();
          expect(table.get(buffer, 3)).toBe(map.get(key) ?? -1);
          if (map.has(key)) return;
          table.add(buffer, 3, n);
          map.set(key, n);
        });
      }),
      seeded(100),
    );
  });

  it('grows, and is as before when it was emptied', () => {
    const table = new IdTable();
    const ids = Buffer.alloc(16 * 60_000);
    for (let n = 0; n < 60_000; n++) ids.writeUInt32BE(n, n * 16 + 12);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 60_000; n++) table.add(ids, n * 16, n * 2 ** 20);
      for (let n = 0; n < 60_000; n++) if (table.get(ids, n * 16) !== n * 2 ** 20) expect.unreachable(`${n}`);
      table.clear();
      for (let n = 0; n < 60_000; n++) if (table.get(ids, n * 16) !== -1) expect.unreachable(`${n}`);
    }
  });
});
