import { describe, expect, it } from 'vitest';
import { Answers } from './answers.ts';
import { MqttWire } from './mqtt-wire.ts';
import { NatsWire } from './nats-wire.ts';
import { CountingReceiver, FrameReader } from './receivers.ts';
import type { Wire } from './wire.ts';

const PAYLOAD_BYTES = 20;
const silent = new Answers(() => {});

/** Five deliveries numbered in their payload; with NATS, a PING before the third and one at the end. */
function stream(wire: Wire): Buffer {
  const topic = wire.topic(1);
  const parts: Buffer[] = [];
  const ping = wire instanceof NatsWire ? Buffer.from('PING\r\n') : null;
  for (let number = 0; number < 5; number++) {
    if (number === 2 && ping !== null) parts.push(ping);
    parts.push(wire.delivery(topic, Buffer.alloc(PAYLOAD_BYTES, 65 + number), number + 1));
  }
  if (ping !== null) parts.push(ping);
  return Buffer.concat(parts);
}

const wires: [string, Wire, number][] = [
  ['MQTT 3.1.1', new MqttWire(4, 0, []), 0],
  ['MQTT 5 with properties', new MqttWire(5, 0, [['a', 'b']]), 0],
  ['NATS', new NatsWire(), 2],
];

/** Feeds `bytes` in pieces cut at two places, from a buffer that is overwritten after each call. */
function feed(bytes: Buffer, cuts: readonly number[], take: (length: number, buffer: Buffer) => void): void {
  const reused = Buffer.alloc(bytes.length);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    bytes.copy(reused, 0, from, to);
    if (to > from) take(to - from, reused);
    reused.fill(0xee);
    from = to;
  }
}

describe.each(wires)('deliveries of %s', (_, wire, pings) => {
  const shape = wire.deliveryShape(wire.topic(1), PAYLOAD_BYTES);
  const bytes = stream(wire);

  it('are counted the same wherever the reads end, and pings are answered', () => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second += 7) {
        const answers: string[] = [];
        const counter = new CountingReceiver(shape, new Answers((answer) => answers.push(answer.toString())));
        feed(bytes, [first, second], (length, buffer) => counter.take(length, buffer));
        expect([first, second, counter.received]).toEqual([first, second, 5]);
        expect(answers).toEqual(Array.from({ length: pings }, () => 'PONG\r\n'));
      }
    }
  });

  it('are handed over whole and in order wherever the reads end', () => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second += 7) {
        let seen = '';
        const reader = new FrameReader(
          shape,
          (buffer, offset) => {
            const start = offset + shape.payloadOffset;
            const payload = buffer.toString('latin1', start, start + PAYLOAD_BYTES);
            expect(payload).toBe(payload[0]!.repeat(PAYLOAD_BYTES));
            seen += payload[0];
          },
          silent,
        );
        feed(bytes, [first, second], (length, buffer) => reader.take(length, buffer));
        expect(seen).toBe('ABCDE');
      }
    }
  });
});

describe('bytes that are no delivery', () => {
  const wire = new MqttWire(4, 0, []);
  const shape = wire.deliveryShape(wire.topic(1), PAYLOAD_BYTES);
  const disconnect = Buffer.of(0xe0, 0);

  it('end the run when they are counted', () => {
    const counter = new CountingReceiver(shape, silent);
    const bytes = Buffer.concat([stream(wire), disconnect]);
    expect(() => counter.take(bytes.length, bytes)).toThrow(/unexpected bytes/);
  });

  it('end the run when they are read', () => {
    const reader = new FrameReader(shape, () => {}, silent);
    expect(() => reader.take(disconnect.length, disconnect)).toThrow(/unexpected bytes/);
  });
});

describe('the two steps of QoS 2', () => {
  const wire = new MqttWire(4, 2, []);
  const publish = (id: number): Buffer => wire.delivery(wire.topic(1), Buffer.alloc(PAYLOAD_BYTES, 'x'), id);
  const short = (type: number, id: number): Buffer => Buffer.of(type, 2, id >> 8, id & 0xff);

  it.each([
    ['subscriber', wire.deliveryShape(wire.topic(1), PAYLOAD_BYTES), publish, [0x50, 0x62, 0x70]],
    ['publisher', wire.acknowledgementShape()!, (id: number) => short(0x70, id), [0, 0x50, 0x62]],
  ] as const)('are answered by the %s wherever the reads end', (_, shape, counted, [answer, control, then]) => {
    const ids = [0x0102, 0x0304];
    const bytes = Buffer.concat(ids.flatMap((id) => [counted(id), short(control, id)]));
    const expected = Buffer.concat(
      ids.flatMap((id) => (answer === 0 ? [short(then, id)] : [short(answer, id), short(then, id)])),
    );
    for (let cut = 0; cut <= bytes.length; cut++) {
      const written: Buffer[] = [];
      const answers = new Answers((piece) => written.push(piece));
      const reader = new FrameReader(shape, () => {}, answers);
      feed(bytes, [cut], (length, buffer) => reader.take(length, buffer));
      answers.flush();
      expect([cut, reader.received]).toEqual([cut, 2]);
      expect(Buffer.concat(written)).toEqual(expected);
    }
  });
});
