import { describe, expect, it } from 'vitest';
import { MqttWire } from './mqtt-wire.ts';
import { NatsWire } from './nats-wire.ts';
import { CountingReceiver, FrameReader } from './receivers.ts';
import type { Wire } from './wire.ts';

const PAYLOAD_BYTES = 20;

/** Five deliveries numbered in their payload; with NATS, a PING before the third and one at the end. */
function stream(wire: Wire): Buffer {
  const topic = wire.topic(1);
  const parts: Buffer[] = [];
  const { ping } = wire.deliveryShape(topic, PAYLOAD_BYTES);
  for (let number = 0; number < 5; number++) {
    if (number === 2 && ping !== null) parts.push(ping.request);
    parts.push(wire.delivery(topic, Buffer.alloc(PAYLOAD_BYTES, 65 + number), number + 1));
  }
  if (ping !== null) parts.push(ping.request);
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
        const counter = new CountingReceiver(shape, (answer) => answers.push(answer.toString()));
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
          () => {},
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
    const counter = new CountingReceiver(shape, () => {});
    const bytes = Buffer.concat([stream(wire), disconnect]);
    expect(() => counter.take(bytes.length, bytes)).toThrow(/unexpected bytes/);
  });

  it('end the run when they are read', () => {
    const reader = new FrameReader(
      shape,
      () => {},
      () => {},
    );
    expect(() => reader.take(disconnect.length, disconnect)).toThrow(/unexpected bytes/);
  });
});
