import { describe, expect, it } from 'vitest';
import { scene, slots, upTo } from './testing/link-scene.ts';

const WINDOW_BYTES = 8000;
/** Of 8 bytes for each number, and some of the frames that are open. */
const MOST_NUMBERS = WINDOW_BYTES / 8 + 10;

describe('what is remembered of frames that are dealt with', () => {
  it('has the peer wait when one before them is not', () => {
    const { clock, a, b } = scene({ b: { windowBytes: WINDOW_BYTES } });
    b.deal = (data) => {
      if (!data.held) b.link!.done(data.number, 0);
    };
    a.held('stays open', 1);
    for (const i of upTo(3000)) {
      a.loose(`${i}`);
      clock.advance(3);
    }
    expect(b.data.length).toBeLessThanOrEqual(MOST_NUMBERS);
    b.link!.done(1, 0);
    clock.advance(100);
    expect(b.data.length).toBe(3001);
    expect(slots(a)).toEqual([1]);
  });

  it('has the peer wait until it says that it knows the answers', () => {
    const { clock, a, b } = scene({
      a: { heartbeatMs: 60_000 },
      b: { windowBytes: WINDOW_BYTES, silentMs: 600_000 },
    });
    b.deal = (data) => b.link!.done(data.number, 0x10);
    for (const slot of upTo(3000)) {
      a.held(`${slot}`, slot);
      clock.advance(3);
    }
    expect(b.data.length).toBeLessThanOrEqual(MOST_NUMBERS);
    clock.advance(240_000);
    expect(slots(a)).toEqual(upTo(3000));
  });
});
