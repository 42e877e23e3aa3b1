import { describe, expect, it } from 'vitest';
import { will } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 10_000 } };
const expiry = (messageExpiryIntervalS: number) => ({ properties: { messageExpiryIntervalS } });

describe('the message expiry interval', () => {
  it('is passed on less the time that the message has waited [MQTT-3.3.2-6]', () => {
    const broker = new TestBroker();
    const away = broker.client('away', KEPT);
    away.subscribe('t', 1);
    away.hangUp();
    broker.client('p').publish('t', 'x', { qos: 1, ...expiry(100) });
    broker.advance(30_000);
    const back = broker.client('away', KEPT);
    expect(back.messages[0]?.properties.messageExpiryIntervalS).toBe(70);
  });

  it('ends a message that waits [MQTT-3.3.2-5], and counts it', () => {
    const broker = new TestBroker();
    const away = broker.client('away', KEPT);
    away.subscribe('t', 1);
    away.hangUp();
    const publisher = broker.client('p');
    publisher.publish('t', 'short', { qos: 1, ...expiry(10) });
    publisher.publish('t', 'long', { qos: 1, ...expiry(1000) });
    broker.advance(11_000);
    expect(broker.client('away', KEPT).take()).toEqual(['long']);
    expect(broker.dropped('expired')).toBe(1);
  });

  it('of a retained message runs too, to its end', () => {
    const broker = new TestBroker();
    broker.client('p').publish('t', 'x', { qos: 1, retain: true, ...expiry(60) });
    broker.advance(20_000);
    const early = broker.client('early');
    early.subscribe('t', 1);
    expect(early.messages[0]?.properties.messageExpiryIntervalS).toBe(40);
    broker.advance(41_000);
    const late = broker.client('late');
    late.subscribe('t', 1);
    expect(late.take()).toEqual([]);
    expect(broker.retained.messages).toBe(0);
  });

  it('of a will begins when it is published', () => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will', 1);
    const properties = { sessionExpiryIntervalS: 1000 };
    const last = will('will', 'x', { qos: 1, delayS: 50, properties: { messageExpiryIntervalS: 30 } });
    broker.client('c', { properties, will: last }).hangUp();
    broker.advance(60_000);
    expect(watcher.messages[0]?.properties.messageExpiryIntervalS).toBe(30);
  });

  it('no longer holds a queue full once it has passed', () => {
    const broker = new TestBroker({ maxQueuedMessages: 1 });
    const away = broker.client('away', KEPT);
    away.subscribe('t', 1);
    away.hangUp();
    const publisher = broker.client('p');
    publisher.publish('t', 'short', { qos: 1, ...expiry(10) });
    broker.advance(20_000);
    expect(publisher.reasonFor(publisher.publish('t', 'next', { qos: 1 }))).toBe(0);
    expect(broker.client('away', KEPT).take()).toEqual(['next']);
  });
});
