import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { FrameType } from '../../peer/frame-types.ts';
import { seeded } from '../../testing/seed.ts';
import { encodeAsk, encodeChanges, encodeSigned, encodeWhole } from './link-frames.ts';
import { MeshWorld } from './testing/world.ts';

let world: MeshWorld;
afterEach(() => world.stop());

const TYPES = [FrameType.MeshToken, FrameType.MeshRevocations, FrameType.MeshAsk, FrameType.MeshFilters, 50];
const text = fc.oneof(fc.constantFrom('r', 's', '', 'x', '/x', 'x/#', '#', '$SYS/#'), fc.string({ maxLength: 8 }));
const good = fc.oneof(
  fc.tuple(text, fc.uint8Array({ maxLength: 40 })).map(([realm, bytes]) => encodeSigned(realm, bytes)),
  fc
    .tuple(text, fc.boolean(), fc.boolean(), fc.array(text, { minLength: 1 }))
    .map(([realm, isOn, isAnew, paths]) => encodeAsk(realm, isOn, isAnew, paths)[0]!),
  fc.tuple(text, text, fc.array(text)).map(([realm, path, filters]) => encodeWhole(realm, path, filters)[0]!),
  fc
    .tuple(text, text, fc.array(text, { minLength: 1 }))
    .map(([realm, path, filters]) => encodeChanges(realm, path, filters, [])[0]!),
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  good,
  fc.tuple(good, fc.nat()).map(([bytes, at]) => bent(bytes, at)),
);

function bent(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at % copy.length]! ^= 1 << (at % 8);
  return copy;
}

it('whatever bytes a peer sends, at worst its own link is closed with bad_frame', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...TYPES), body), { maxLength: 12 }), async (frames) => {
      world = new MeshWorld();
      const [a, hostile, c] = [world.peer('a'), world.peer('h'), world.peer('c')];
      c.want('r', 'x');
      a.links.ask('r', '/x', c.target);
      await world.link(hostile, a);
      for (const [type, bytes] of frames) hostile.link(a)?.control(type, bytes);
      await world.settle();
      const ends = a.events.lines.filter((line) => line.startsWith('closed'));
      expect(ends.every((line) => line === 'closed h bad_frame')).toBe(true);
      expect(a.match('r', 'x').includes('c')).toBe(true);
      c.want('r', 'x/#');
      await world.settle();
      expect(a.match('r', 'x/1').includes('c')).toBe(true);
      await world.stop();
    }),
    seeded(150),
  );
});

it.each([
  [FrameType.MeshToken, Buffer.alloc(0)],
  [FrameType.MeshToken, Buffer.from([200, 1])],
  [FrameType.MeshAsk, Buffer.from([1, 114, 1, 100])],
  [FrameType.MeshFilters, Buffer.from([1, 114, 0, 1, 255, 255, 255, 255, 15, 0])],
])('a frame %i that ends too early closes the link', async (type, bytes) => {
  world = new MeshWorld();
  const [a, b] = [world.peer('a'), world.peer('b')];
  await world.link(a, b);
  b.link(a)!.control(type, bytes);
  await world.settle();
  expect(a.events.lines.at(-1)).toBe('closed b bad_frame');
});
