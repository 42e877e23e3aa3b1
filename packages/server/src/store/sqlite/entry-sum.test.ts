import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { entrySum, entrySumSql } from './entry-sum.ts';
import { TestWriter } from './testing/writer-steps.ts';

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

it('is the same in SQL', () => {
  using test = new TestWriter();
  const value = (i: number): string => `json_extract(value, '$[${i}]')`;
  const sql = `SELECT ${entrySumSql(value(0), value(1), value(2))} FROM json_each(?)`;
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number, number), { minLength: 100 }), (entries) => {
      const sums = test.rows(sql, JSON.stringify(entries)).map(([sum]) => sum);
      expect(sums).toEqual(entries.map((entry) => entrySum(...entry)));
    }),
    seeded(20),
  );
});

it('changes with any one bit of any one number', () => {
  fc.assert(
    fc.property(number, number, number, fc.nat(2), fc.nat(52), (id, position, n, which, bit) => {
      const numbers: [number, number, number] = [id, position, n];
      numbers[which] = Number(BigInt(numbers[which]!) ^ (1n << BigInt(bit)));
      expect(entrySum(...numbers)).not.toBe(entrySum(id, position, n));
    }),
    seeded(2000),
  );
});
