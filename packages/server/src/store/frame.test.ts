import { describe, expect, it } from 'vitest';
import { ByteSink } from '../lib/byte-sink.ts';
import { FRAME_HEADER_BYTES, type FrameHeader, frameEnd, isIntact, partOf, tagIdsOf, writeFrame } from './frame.ts';

const HEADER: FrameHeader = {
  ...{ position: 7, version: 3, timeUs: 1_790_000_000_123_456, stream: 5, type: 2 },
  ...{ tags: [4_000_000_000, 1], part: 999 },
};

function frame(header: FrameHeader = HEADER, record: Uint8Array = Buffer.from('a record of some bytes')): Buffer {
  const sink = new ByteSink(64);
  writeFrame(sink, header, record);
  return sink.take();
}

describe('a frame', () => {
  it('is intact as it was written, also in the middle of others', () => {
    const one = frame();
    const buffer = Buffer.concat([one, one, one]);
    expect(frameEnd(buffer, one.length)).toBe(2 * one.length);
    expect(isIntact(buffer, one.length, 2 * one.length)).toBe(true);
    expect([tagIdsOf(buffer, one.length), partOf(buffer, one.length)]).toEqual([[4_000_000_000, 1], 999]);
  });

  it('shows any bit that has changed, and any byte that is lost or too many', () => {
    const whole = frame();
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const changed = Buffer.from(whole);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(isIntact(changed, 0, changed.length), `bit ${bit}`).toBe(false);
    }
    expect(isIntact(whole.subarray(0, -1), 0, whole.length - 1)).toBe(false);
    expect(isIntact(Buffer.concat([whole, Buffer.alloc(1)]), 0, whole.length + 1)).toBe(false);
  });

  it('is not made of zeros, nor of less than a header and a record', () => {
    for (const bytes of [FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 20, 4096]) {
      expect(isIntact(Buffer.alloc(bytes), 0, bytes)).toBe(false);
    }
  });
});
