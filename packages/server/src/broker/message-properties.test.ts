import type { Properties } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const ALL: Properties = {
  payloadFormatIndicator: 1,
  messageExpiryIntervalS: 600,
  contentType: 'application/json',
  responseTopic: 'answers/here',
  correlationData: Uint8Array.of(0, 1, 255),
  userProperties: [
    ['b', '1'],
    ['a', '2'],
    ['b', '1'],
    ['', 'empty'],
    ['ü', '🙂'],
  ],
};

describe('the properties of a PUBLISH', () => {
  it.each([0, 1, 2] as const)(
    'pass unchanged from v5 to v5 at QoS %i, user properties in order [MQTT-3.3.2-17] [MQTT-3.3.2-18]',
    (qos) => {
      const broker = new TestBroker();
      const client = broker.client('s');
      client.subscribe('t', 2);
      broker.client('p').publish('t', 'x', { qos, properties: ALL });
      expect(client.messages).toMatchObject([{ payload: 'x', qos }]);
      expect(client.messages[0]?.properties).toEqual(ALL);
    },
  );

  it.each([0, 1, 2] as const)('are left out for 3.1.1 at QoS %i, and the payload is whole', (qos) => {
    const broker = new TestBroker();
    const client = broker.client('s', { version: 4 });
    client.subscribe('t', 2);
    broker.client('p').publish('t', 'payload', { qos, properties: ALL });
    expect(client.messages).toMatchObject([{ payload: 'payload', qos, properties: {} }]);
  });

  it.each([0, 1, 2] as const)('are none in what comes from 3.1.1 at QoS %i', (qos) => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('t', 2);
    broker.client('p', { version: 4 }).publish('t', 'payload', { qos });
    expect(client.messages).toMatchObject([{ payload: 'payload', qos }]);
    expect(client.messages[0]?.properties).toEqual({});
  });

  it('are kept while a message waits for its session', () => {
    const broker = new TestBroker();
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const away = broker.client('s', kept);
    away.subscribe('t', 1);
    away.hangUp();
    broker.client('p').publish('t', 'x', { qos: 1, properties: ALL });
    expect(broker.client('s', kept).messages[0]?.properties).toEqual(ALL);
  });

  it('may be larger than the payload by far', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('t', 1);
    const properties: Properties = {
      userProperties: Array.from({ length: 2000 }, (_, i) => [`name ${i}`, `value ${i}`] as const),
    };
    const publisher = broker.client('p');
    for (const qos of [0, 1] as const) publisher.publish('t', 'x', { qos, properties });
    expect(client.messages.map((message) => message.properties)).toEqual([properties, properties]);
  });
});

describe('a message that expires', () => {
  it('is not delivered once its interval is over, and is counted [MQTT-3.3.2-5]', () => {
    const broker = new TestBroker();
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const away = broker.client('s', kept);
    away.subscribe('t', 1);
    away.hangUp();
    const publisher = broker.client('p');
    publisher.publish('t', 'short', { qos: 1, properties: { messageExpiryIntervalS: 5 } });
    publisher.publish('t', 'long', { qos: 1, properties: { messageExpiryIntervalS: 50 } });
    broker.advance(6000);
    expect(broker.client('s', kept).take()).toEqual(['long']);
    expect(broker.dropped('expired')).toBe(1);
  });
});
