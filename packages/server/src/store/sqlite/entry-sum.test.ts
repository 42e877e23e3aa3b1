import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { entrySum, entrySumSql } from './entry-sum.ts';

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

it('is the same in SQL', () => {
  const db = new DatabaseSync(':memory:');
  const statement = db.prepare(`SELECT ${entrySumSql('?1', '?2', '?3')} AS sum`);
  fc.assert(
    fc.property(number, number, number, (id, position, n) => {
      expect(statement.get(id, position, n)!.sum).toBe(entrySum(id, position, n));
    }),
    seeded(500),
  );
  db.close();
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
