import { describe, expect, it } from 'vitest';
import { skippingDeltas, swappingFrames } from './frame-plants.ts';
import type { Host } from './host.ts';
import type { PeerChannel } from './ports.ts';
import { Recorder } from './testing/recorder.ts';
import type { ChannelWrapper } from './virtual-network.ts';

const DELTA = 21;
const MESSAGE = 64;

function frame(type: number, ...body: number[]): number[] {
  return [0, 0, 0, body.length + 1, type, ...body];
}

/** What comes out when frames go in, split anywhere. */
function through(wrap: ChannelWrapper, frames: number[][], chunkBytes: number): number[] {
  const inner: Pick<PeerChannel, 'handler'> = { handler: null };
  const recorder = new Recorder();
  recorder.attach(wrap(inner as PeerChannel, {} as Host));
  const bytes = frames.flat();
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    inner.handler!.onData(Uint8Array.from(bytes.slice(at, at + chunkBytes)));
  }
  return [...Buffer.concat(recorder.chunks)];
}

describe.each([1, 3, 1000])('frames in chunks of %d bytes', (chunkBytes) => {
  it('lose every third delta, and nothing else', () => {
    const frames = [1, 2, 3, 4, 5, 6, 7].map((n) => frame(DELTA, n));
    const others = [frame(5), frame(MESSAGE, 0, 1, 9)];
    const out = through(skippingDeltas(), [...others, ...frames, ...others], chunkBytes);
    const left = frames.filter((_frame, i) => i % 3 !== 2);
    expect(out).toEqual([...others, ...left, ...others].flat());
  });

  it('trade places, with numbers that hide it', () => {
    // The tenth has the number 127, the next one 128, which takes one byte more.
    const numbers = [...Array.from({ length: 10 }, (_, i) => [118 + i]), [0x80, 1]];
    const frames = numbers.map((number, i) => frame(MESSAGE, 1, ...number, 200 + i));
    const out = through(swappingFrames(), [...frames, frame(5)], chunkBytes);
    const swapped = [frame(MESSAGE, 1, 127, 210), frame(MESSAGE, 1, 0x80, 1, 209)];
    expect(out).toEqual([...frames.slice(0, 9), ...swapped, frame(5)].flat());
  });

  it('do not trade places with one that is answered differently', () => {
    const frames = Array.from({ length: 11 }, (_, i) => frame(MESSAGE, i === 10 ? 0 : 1, i + 1, 200 + i));
    expect(through(swappingFrames(), frames, chunkBytes)).toEqual(frames.flat());
  });
});
