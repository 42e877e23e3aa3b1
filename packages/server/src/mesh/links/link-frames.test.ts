import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WireReader } from '../../peer/wire-bytes.ts';
import { seeded } from '../../testing/seed.ts';
import {
  decodeAsk,
  decodeFilters,
  decodeSigned,
  encodeAsk,
  encodeChanges,
  encodeSigned,
  encodeWhole,
} from './link-frames.ts';

const texts = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 2000, maxLength: 4000 })), {
  maxLength: 20,
});
/** With bytes behind it, which are for later versions. */
const reader = (body: Uint8Array) => new WireReader(Buffer.concat([body, Buffer.from([1, 2, 3])]));

it('frames say what was put into them, in slices that everybody takes', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      texts,
      texts,
      fc.boolean(),
      fc.boolean(),
      (realm, path, some, others, isOn, isAnew) => {
        const asks = encodeAsk(realm, isOn, isAnew, some).map((body) => decodeAsk(reader(body)));
        expect(asks.flatMap(({ paths }) => paths)).toEqual(some);
        expect(asks.map((ask) => ask.isAnew)).toEqual(asks.map((_, i) => isAnew && i === 0));
        expect(asks.every((ask) => ask.realm === realm && ask.isOn === isOn)).toBe(true);
        expect(asks.length > 0 || (!isAnew && some.length === 0)).toBe(true);

        const bodies = encodeWhole(realm, path, some);
        const whole = bodies.map((body) => decodeFilters(reader(body)));
        expect(whole.flatMap(({ added }) => added)).toEqual(some);
        expect(whole.map(({ isWhole }) => isWhole)).toEqual(whole.map((_, i) => i === 0));
        expect(whole.map(({ hasMore }) => hasMore)).toEqual(whole.map((_, i) => i < whole.length - 1));
        for (const body of bodies) expect(body.length).toBeLessThanOrEqual(16_000);

        const changes = encodeChanges(realm, path, some, others).map((body) => decodeFilters(reader(body)));
        expect(changes.flatMap(({ added }) => added)).toEqual(some);
        expect(changes.flatMap(({ gone }) => gone)).toEqual(others);
        expect(changes.every((each) => !each.isWhole && !each.hasMore && each.path === path)).toBe(true);
      },
    ),
    seeded(200),
  );
});

it('signed bytes travel as they are', () => {
  const { realm, bytes } = decodeSigned(reader(encodeSigned('r', Buffer.from([7, 8, 9]))));
  expect([realm, [...bytes]]).toEqual(['r', [7, 8, 9]]);
});
