import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import { seeded } from '../testing/seed.ts';
import { BadMessage, type Fields, MessageReader, type Received, sendMessage } from './store-wire.ts';

/** Frames of one message. */
function framesOf(id: number, message: Fields, type: number = FrameType.Answer): Uint8Array[] {
  const frames: Uint8Array[] = [];
  sendMessage({ control: (_type, body) => void frames.push(Uint8Array.from(body)) }, type, id, message);
  return frames;
}

/** It comes out as 0, as from JSON. */
const withoutMinusZero = (value: number): number => value + 0;

describe('messages about stores', () => {
  it('come out as they went in, with any id', () => {
    const reader = new MessageReader();
    const message = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.double({ noNaN: true }).map(withoutMinusZero)),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        message,
        fc.uint8Array(),
        (id, fields, bytes) => {
          const sent = { ...fields, bytes };
          const [frame] = framesOf(id, sent);
          const received = reader.take(FrameType.Answer, frame!, 0, frame!.length)!;
          expect(received.id).toBe(id);
          expect({ ...received.message, bytes: Uint8Array.from(received.message.bytes as Uint8Array) }).toEqual(sent);
        },
      ),
      seeded(300),
    );
  });

  it('go in parts where they are large, between which others may come', () => {
    const reader = new MessageReader();
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251);
    const large = framesOf(7, { bytes });
    const others = [framesOf(8, { n: 1 }), framesOf(7, { n: 2 }, FrameType.More), framesOf(9, { bytes })];
    expect(large.length).toBeGreaterThan(2);
    const received: Received[] = [];
    const take = (frame: Uint8Array | undefined, type: number = FrameType.Answer): void => {
      const whole = frame === undefined ? null : reader.take(type, frame, 0, frame.length);
      if (whole !== null) received.push(whole);
    };
    for (const [i, frame] of large.entries()) {
      take(frame);
      take(others[0]![i]);
      take(others[1]![i], FrameType.More);
      take(others[2]![i]);
    }
    expect(received.map(({ id }) => id)).toEqual([8, 7, 7, 9]);
    for (const at of [2, 3]) expect(Buffer.from(received[at]!.message.bytes as Uint8Array).equals(bytes)).toBe(true);
  });

  it('are refused where they are none, or never end', () => {
    const bad = [
      [],
      [0x80],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0],
      [1],
      [1, 0],
      [1, 0, 0xff],
      [1, 0, 5],
      [1, 1],
    ];
    for (const bytes of bad) {
      const frame = Uint8Array.from(bytes);
      expect(() => new MessageReader().take(32, frame, 0, frame.length), `${bytes}`).toThrow(BadMessage);
    }
    const reader = new MessageReader();
    const part = new Uint8Array(1024 * 1024);
    part[0] = 1;
    part[1] = 1;
    const endless = (): void => {
      for (let i = 0; i < 100; i++) expect(reader.take(32, part, 0, part.length)).toBeNull();
    };
    expect(endless).toThrow(BadMessage);
  });

  it('leave nothing behind but refusals, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          new MessageReader().take(32, bytes, 0, bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(BadMessage);
        }
      }),
      seeded(2000),
    );
  });
});
