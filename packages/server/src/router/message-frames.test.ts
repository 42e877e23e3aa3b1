import { DEFAULT_TOPIC_LIMITS, type Qos, TopicTable } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Message } from '../broker/message.ts';
import type { Stamp } from '../cluster/hybrid-clock.ts';
import { WireError } from '../peer/wire-bytes.ts';
import {
  decodeMessage,
  encodeMessage,
  type MessageEnvelope,
  type Portion,
  type ReceivedMessage,
} from './message-frames.ts';

const WALL_MS = 1_700_000_000_000;
const topics = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
const lookup = (bytes: Uint8Array) => topics.lookup(bytes, 0, bytes.length);

const enveloped = (message: Message, portion: Portion, sequence: number, stamp: Stamp | null): MessageEnvelope => ({
  portion,
  sequence,
  stamp,
  publisher: message.publisher,
  head: new Uint8Array(0),
});

function decode(frame: Uint8Array, wallMs = WALL_MS): ReceivedMessage | null {
  // Somewhere in a larger buffer, as frames are.
  const buffer = Buffer.concat([Buffer.from('before'), frame, Buffer.from('after')]);
  return decodeMessage(buffer, 6, 6 + frame.length, wallMs, (_realm, topic) => lookup(topic));
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const messages = fc.record({
  realm: text,
  topic: fc.stringMatching(/^[a-z/]{1,30}$/),
  qos: fc.constantFrom<Qos>(0, 1, 2),
  retain: fc.boolean(),
  publisher: fc.option(text),
  leftMs: fc.option(fc.integer({ min: 0, max: 2 ** 40 })),
  properties: fc.uint8Array({ maxLength: 200 }),
  payload: fc.uint8Array({ maxLength: 300 }),
  plain: fc.boolean(),
  shares: fc.array(text, { maxLength: 3 }),
  sequence: fc.maxSafeNat(),
  stamp: fc.option(fc.record({ ms: fc.maxSafeNat(), counter: fc.nat(65_535), nodeId: text })),
});

describe('message frames', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(messages, (given) => {
        const { realm, qos, retain, publisher, properties, payload, plain, shares, sequence, stamp } = given;
        const expiresAtMs = given.leftMs === null ? Number.POSITIVE_INFINITY : WALL_MS + given.leftMs;
        const message = Message.of(lookup(Buffer.from(given.topic)), payload, {
          qos,
          retain,
          publisher,
          expiresAtMs,
          properties,
        });
        const received = decode(
          encodeMessage(realm, message, enveloped(message, { plain, shares }, sequence, stamp), WALL_MS),
        )!;
        expect(received).toMatchObject({ realm, sequence, stamp, portion: { plain, shares } });
        const out = received.message;
        expect([out.topic.name, out.qos, out.retain, out.publisher]).toEqual([given.topic, qos, retain, publisher]);
        expect(out.expiresAtMs).toBe(expiresAtMs);
        expect(Buffer.from(out.payload()).equals(payload)).toBe(true);
        expect(
          Buffer.from(out.buffer.subarray(out.propertiesStart, out.propertiesEnd)).equals(Buffer.from(properties)),
        ).toBe(true);
      }),
    );
  });

  it('carry how long a message has left, whatever the clocks say', () => {
    const topic = lookup(Buffer.from('t'));
    const message = Message.of(topic, Buffer.from('x'), { qos: 1, retain: false, expiresAtMs: WALL_MS + 5000 });
    const frame = encodeMessage('r', message, enveloped(message, { plain: true, shares: [] }, 1, null), WALL_MS + 2000);
    expect(decode(frame, 50_000)!.message.expiresAtMs).toBe(53_000);
  });

  it('are refused when they end too early, at every byte', () => {
    const message = Message.of(lookup(Buffer.from('a/b')), Buffer.alloc(0), {
      qos: 2,
      retain: true,
      publisher: 'p',
      expiresAtMs: WALL_MS + 1,
      properties: Buffer.from([1, 0]),
    });
    const stamp = { ms: WALL_MS, counter: 3, nodeId: 'n' };
    const frame = encodeMessage(
      'realm',
      message,
      enveloped(message, { plain: true, shares: ['$share/g/a'] }, 300, stamp),
      WALL_MS,
    );
    for (let length = 0; length < frame.length; length++) {
      expect(() => decode(frame.subarray(0, length)), `${length} bytes`).toThrow(WireError);
    }
    expect(decode(frame)).not.toBeNull();
  });

  it('of a realm that is not here are nothing', () => {
    const message = Message.of(lookup(Buffer.from('t')), Buffer.from('x'), { qos: 0, retain: false });
    const frame = encodeMessage(
      'elsewhere',
      message,
      enveloped(message, { plain: true, shares: [] }, 1, null),
      WALL_MS,
    );
    expect(decodeMessage(frame, 0, frame.length, WALL_MS, () => null)).toBeNull();
  });
});
