import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { seeded } from '../testing/seed.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameWriter, SHARE_FROM_BYTES, Traffic } from './frame-writer.ts';
import { channelPair } from './testing/channel-pair.ts';

class Sink implements FrameSink {
  readonly frames: string[] = [];
  readonly buffers: Uint8Array[] = [];
  bad: string | null = null;
  onEach: () => void = () => {};

  onFrame(type: number, buffer: Uint8Array, start: number, end: number): void {
    this.frames.push(`${type}:${Buffer.from(buffer.subarray(start, end)).toString('latin1')}`);
    this.buffers.push(buffer);
    this.onEach();
  }

  onBadFrame(reason: string): void {
    expect(this.bad).toBeNull();
    this.bad = reason;
  }
}

const frame = (type: number, text: string): Buffer => {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt32BE(1 + text.length);
  bytes[4] = type;
  bytes.write(text, 5);
  return bytes;
};

const STREAM = Buffer.concat([frame(5, ''), frame(64, 'a'), frame(200, 'some words'), frame(16, ''), frame(7, 'xyz')]);
const FRAMES = ['5:', '64:a', '200:some words', '16:', '7:xyz'];

const readAll = (chunks: readonly Uint8Array[], maxFrameBytes = 100): Sink => {
  const sink = new Sink();
  const reader = new FrameReader(sink, maxFrameBytes);
  for (const chunk of chunks) reader.push(chunk);
  return sink;
};

describe('frames in chunks', () => {
  it('are the same at every pair of split points', () => {
    for (let first = 0; first <= STREAM.length; first++) {
      for (let second = first; second <= STREAM.length; second++) {
        const chunks = [STREAM.subarray(0, first), STREAM.subarray(first, second), STREAM.subarray(second)];
        expect(readAll(chunks).frames).toEqual(FRAMES);
      }
    }
  });

  it('are the same byte by byte', () => {
    expect(readAll([...STREAM].map((byte) => Uint8Array.of(byte))).frames).toEqual(FRAMES);
  });

  it('are views of their chunk, except for one that crosses into the next', () => {
    const cut = STREAM.length - 2;
    const chunks = [STREAM.subarray(0, cut), STREAM.subarray(cut)];
    const { buffers } = readAll(chunks);
    expect(buffers.slice(0, 4).every((buffer) => buffer === chunks[0])).toBe(true);
    expect(chunks).not.toContain(buffers[4]);
  });

  it('may be large and come in many pieces', () => {
    const text = 'x'.repeat(300_000);
    const bytes = Buffer.concat([frame(64, text), frame(65, 'after')]);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 7001) chunks.push(bytes.subarray(at, at + 7001));
    expect(readAll(chunks, 1_000_000).frames).toEqual([`64:${text}`, '65:after']);
  });

  it.each([
    { what: 'without a type', bytes: [0, 0, 0, 0], reason: 'bad_frame' },
    { what: 'a byte over the limit', bytes: [0, 0, 0, 101], reason: 'frame_too_large' },
    { what: 'of four gigabytes', bytes: [255, 255, 255, 255], reason: 'frame_too_large' },
  ])('$what end it, wherever they are cut', ({ bytes, reason }) => {
    const stream = Buffer.concat([frame(64, 'first'), Buffer.from(bytes), STREAM]);
    for (let cut = 0; cut < stream.length; cut++) {
      const sink = readAll([stream.subarray(0, cut), stream.subarray(cut)]);
      expect(sink.frames).toEqual(['64:first']);
      expect(sink.bad).toBe(reason);
    }
  });

  it('stop within a frame, and leave the rest to whoever comes next, at every split point', () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const sink = new Sink();
      const reader = new FrameReader(sink, 100);
      const rest: Uint8Array[] = [];
      sink.onEach = () => {
        if (sink.frames.length < 3) return;
        const left = reader.takeRest();
        if (left !== null) rest.push(left);
      };
      let taken = 0;
      for (const chunk of [STREAM.subarray(0, cut), STREAM.subarray(cut)]) {
        // From there on the channel has another handler.
        if (sink.frames.length >= 3) rest.push(chunk);
        else reader.push(chunk);
        taken += chunk.length;
      }
      expect(taken).toBe(STREAM.length);
      expect([...sink.frames, ...readAll(rest).frames]).toEqual(FRAMES);
    }
  });
});

describe('frames written', () => {
  const sizes = fc.array(
    fc.record({
      type: fc.integer({ min: 1, max: 255 }),
      size: fc.oneof(fc.nat(300), fc.nat(100_000)),
      flush: fc.boolean(),
    }),
    { maxLength: 30 },
  );

  it('are read again as they were, however they were batched', () => {
    fc.assert(
      fc.property(sizes, (plan) => {
        const [channel] = channelPair(new FakeClock(), 'a', 'b');
        const traffic = new Traffic();
        const writer = new FrameWriter(channel, traffic);
        const expected: string[] = [];
        for (const { type, size, flush } of plan) {
          const body = Buffer.alloc(size, type);
          expected.push(`${type}:${body.toString('latin1')}`);
          if (size < SHARE_FROM_BYTES) writer.copy(type, body);
          else {
            writer.frame(type, 0, size);
            writer.share(body);
          }
          if (flush) writer.flush();
        }
        writer.flush();
        expect(readAll(channel.written, 1_000_000).frames).toEqual(expected);
        expect(traffic.bytesOut).toBe(channel.written.reduce((sum, bytes) => sum + bytes.length, 0));
        expect(traffic.framesOut).toBe(plan.length);
      }),
      seeded(100),
    );
  });

  it('go out many in one write', () => {
    const [channel] = channelPair(new FakeClock(), 'a', 'b');
    const writer = new FrameWriter(channel, new Traffic());
    writer.copy(64, Buffer.alloc(100));
    writer.flush();
    for (let i = 0; i < 5000; i++) writer.copy(64, Buffer.alloc(100));
    writer.flush();
    writer.flush();
    // 525,000 bytes in slabs that have grown to 64 KiB.
    expect(channel.written.length).toBeLessThan(16);
  });

  it('leave what was written alone', () => {
    const [channel] = channelPair(new FakeClock(), 'a', 'b');
    const writer = new FrameWriter(channel, new Traffic());
    const copies: Uint8Array[] = [];
    for (let i = 0; i < 500; i++) {
      writer.copy(64, Buffer.alloc(1000, i));
      writer.flush();
      copies.push(channel.written.at(-1)!.slice());
    }
    expect(channel.written).toEqual(copies);
  });
});
