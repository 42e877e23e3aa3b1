import { describe, expect, it } from 'vitest';
import { FrameGatherer } from './frame-gatherer.ts';

function gathered(): { frames: FrameGatherer; out: string[] } {
  const out: string[] = [];
  return { frames: new FrameGatherer((bytes) => void out.push(Buffer.from(bytes).toString())), out };
}

/** A read buffer, and the payload at each of the ranges. */
function read(text: string, ...ranges: [number, number][]): { chunk: Buffer; payloads: Buffer[] } {
  const chunk = Buffer.from(new Uint8Array(Buffer.from(text)).buffer);
  return { chunk, payloads: ranges.map(([start, end]) => chunk.subarray(start, end)) };
}

describe('the payloads of one read', () => {
  it('are one range, without the headers between them', () => {
    const { frames, out } = gathered();
    const { chunk, payloads } = read('..one...two.three', [2, 5], [8, 11], [12, 17]);
    frames.begin(chunk);
    for (const payload of payloads) frames.add(payload);
    expect(out).toEqual([]);
    frames.flush();
    expect(out).toEqual(['onetwothree']);
  });

  it('stay apart from those of other reads, and from what is handed out', () => {
    const { frames, out } = gathered();
    for (const text of ['.a.b', '.c.d']) {
      const { chunk, payloads } = read(text, [1, 2], [3, 4]);
      frames.begin(chunk);
      for (const payload of payloads) frames.add(payload);
    }
    frames.flush();
    frames.flush();
    expect(out).toEqual(['ab', 'cd']);
  });

  it('keep their order with one that began in an earlier read', () => {
    const { frames, out } = gathered();
    const { chunk, payloads } = read('.a.b.c', [1, 2], [3, 4], [5, 6]);
    frames.begin(chunk);
    frames.add(Buffer.from('<'));
    frames.add(payloads[0]!);
    frames.add(Buffer.from('|'));
    frames.add(payloads[1]!);
    frames.add(payloads[2]!);
    frames.flush();
    expect(out).toEqual(['<', 'a', '|', 'bc']);
  });

  it('never move into memory that only shares their buffer', () => {
    const { frames, out } = gathered();
    const shared = Buffer.from(new Uint8Array(Buffer.from('left.middle.right')).buffer);
    const chunk = shared.subarray(5, 11);
    frames.begin(chunk);
    frames.add(shared.subarray(0, 4));
    frames.add(chunk.subarray(1, 3));
    frames.add(shared.subarray(12, 17));
    frames.flush();
    expect(out).toEqual(['left', 'id', 'right']);
    expect(shared.toString()).toBe('left.middle.right');
  });

  it('are nothing when they are empty', () => {
    const { frames, out } = gathered();
    frames.begin(Buffer.from('..'));
    frames.add(Buffer.alloc(0));
    frames.flush();
    expect(out).toEqual([]);
  });
});
