import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { ReceivedFrames } from './received-frames.ts';

describe('frames that have come', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant<'add'>('add'), held: fc.boolean(), bytes: fc.nat(100) }),
    fc.record({ do: fc.constant<'skip'>('skip'), by: fc.integer({ min: -3, max: 90 }) }),
    fc.record({ do: fc.constant<'done'>('done'), back: fc.nat(150), reason: fc.nat(2) }),
  );

  it('are dealt with in any order and answered in that of their numbers, as a list would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const told: string[] = [];
        const frames = new ReceivedFrames((number, reason) => told.push(`${number} ${reason}`));
        const list: { held: boolean; bytes: number; done: boolean; reason: number }[] = [];
        const skipped = { held: false, bytes: 0, done: true, reason: 0 };
        for (const action of steps) {
          if (action.do === 'add') {
            frames.add(action.held, action.bytes);
            list.push({ held: action.held, bytes: action.bytes, done: false, reason: 0 });
          } else if (action.do === 'skip') {
            expect(frames.skip(frames.next + action.by)).toBe(true);
            for (let i = 0; i <= action.by; i++) list.push(skipped);
          } else {
            const number = frames.next - action.back;
            const frame = list[number - 1];
            const wasOpen = frame?.done === false;
            expect(frames.done(number, action.reason)).toBe(wasOpen);
            if (wasOpen) Object.assign(frame!, { done: true, reason: action.reason });
          }
          const open = list.findIndex(({ done }) => !done);
          const first = open === -1 ? list.length : open;
          const answered = list.slice(0, first);
          expect([frames.first, frames.next]).toEqual([first + 1, list.length + 1]);
          expect(frames.openBytes).toBe(list.reduce((sum, { done, bytes }) => sum + (done ? 0 : bytes), 0));
          expect(frames.heldAnswered).toBe(answered.filter(({ held }) => held).length);
          const exceptions = answered.map(({ held, reason }, i) => (held && reason > 0 ? `${i + 1} ${reason}` : ''));
          expect(told).toEqual(exceptions.filter((text) => text !== ''));
        }
      }),
      seeded(100),
    );
  });

  it('may be followed by any leap while none is open, and by a bounded one while one is', () => {
    const frames = new ReceivedFrames(() => {});
    expect(frames.skip(2 ** 50)).toBe(true);
    expect(frames.next).toBe(2 ** 50 + 1);
    frames.add(true, 10);
    expect(frames.skip(2 ** 51)).toBe(false);
    expect(frames.next).toBe(2 ** 50 + 2);
  });
});
