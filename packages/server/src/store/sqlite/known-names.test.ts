import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { KnownNames } from './known-names.ts';

describe('known names', () => {
  it('are what their bytes say, whatever came before, in ASCII or not, valid UTF-8 or not', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[ab]{0,3}$/).map((text) => Buffer.from(text)),
      fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      fc.nat({ max: 100_000 }).map((n) => Buffer.from(`stream-${n}`)),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 200 }), (names) => {
        const known = new KnownNames();
        for (const bytes of [...names, ...names]) {
          const buffer = Buffer.concat([Buffer.from('x'), bytes, Buffer.from('y')]);
          expect(known.textAt(buffer, 1, bytes.length)).toBe(bytes.toString('utf8'));
        }
      }),
      seeded(100),
    );
  });

  it('are told apart where they share a slot', () => {
    const known = new KnownNames();
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 20_000; n++) {
        const bytes = Buffer.from(`order-${n}`);
        if (known.textAt(bytes, 0, bytes.length) !== `order-${n}`) expect.unreachable(`order-${n}`);
      }
    }
  });
});
