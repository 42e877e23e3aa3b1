import { describe, expect, it } from 'vitest';
import { MqttWire } from '../generator/mqtt-wire.ts';
import { NatsWire } from '../generator/nats-wire.ts';
import { encodeStamp, FirstMessage } from './first-message.ts';

const mqtt = new MqttWire(4, 0, []);
const SUBACK = Buffer.of(0x90, 3, 0, 1, 0);
const topic = mqtt.topic(7);
const message = (sentAt: number, sample = 7): Buffer => mqtt.delivery(topic, encodeStamp(sample, sentAt), 0);

describe('the first message after a subscription', () => {
  it('is the first that arrives, however the bytes are cut', () => {
    const bytes = Buffer.concat([SUBACK, message(1234.567), message(1235.5)]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const first = new FirstMessage(mqtt, topic, 7);
      first.take(bytes.subarray(0, cut), 2000);
      first.take(bytes.subarray(cut), 2001);
      const answeredAt = cut < SUBACK.length ? 2001 : 2000;
      const at = cut < SUBACK.length + message(0).length ? 2001 : 2000;
      expect(first).toMatchObject({ answeredAt, first: { at, sentAt: 1234.567 } });
    }
  });

  it('may come before the answer', () => {
    const first = new FirstMessage(mqtt, topic, 7);
    first.take(message(1), 10);
    expect(first).toMatchObject({ answeredAt: null, first: { at: 10, sentAt: 1 } });
    first.take(SUBACK, 11);
    expect(first.answeredAt).toBe(11);
  });

  it('is not one of another sample or topic, and nothing but messages and an answer may come', () => {
    expect(() => new FirstMessage(mqtt, topic, 7).take(message(1, 8), 10)).toThrow('another sample');
    const elsewhere = mqtt.delivery(mqtt.topic(8), encodeStamp(7, 1), 0);
    expect(() => new FirstMessage(mqtt, topic, 7).take(elsewhere, 10)).toThrow('another topic');
    expect(() => new FirstMessage(mqtt, topic, 7).take(Buffer.of(0xd0, 0), 10)).toThrow();
  });

  it('is found in the text of NATS too', () => {
    const nats = new NatsWire();
    const first = new FirstMessage(nats, nats.topic(7), 7);
    first.take(Buffer.from('PONG\r\n'), 10);
    first.take(nats.delivery(nats.topic(7), encodeStamp(7, 9.25)), 11);
    expect(first).toMatchObject({ answeredAt: 10, first: { at: 11, sentAt: 9.25 } });
  });
});
