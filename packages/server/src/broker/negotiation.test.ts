import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';
import { SysTopics } from './sys-topics.ts';

const connack = (client: TestClient) => client.all('connack')[0]?.packet.properties;

describe('the CONNACK of a v5 client', () => {
  it('names the keep-alive that holds, where the operator wants a shorter one [MQTT-3.1.2-21] [MQTT-3.2.2-21]', () => {
    const broker = new TestBroker({ maxKeepAliveS: 60 });
    const [none, long, short] = [0, 600, 30].map((keepAliveS) => broker.client(`k${keepAliveS}`, { keepAliveS }));
    expect([none, long, short].map((client) => connack(client!)?.serverKeepAliveS)).toEqual([60, 60, undefined]);
    broker.advance(50_000);
    expect([none, long, short].map((client) => client!.closed)).toEqual([false, false, true]);
    broker.advance(50_000);
    expect([none, long].map((client) => client!.disconnectReason)).toEqual([0x8d, 0x8d]);
  });

  it('has response information for those who ask, where there is some [MQTT-3.1.2-28]', () => {
    const ask = { properties: { requestResponseInformation: true } };
    const broker = new TestBroker({ responseTopicPrefix: 'answers' });
    expect(connack(broker.client('a', ask))?.responseInformation).toBe('answers/a');
    expect(connack(broker.client('b'))?.responseInformation).toBeUndefined();
    expect(connack(new TestBroker().client('a', ask))?.responseInformation).toBeUndefined();
  });

  it('sends clients elsewhere when the node is full and knows where', () => {
    const broker = new TestBroker({ maxClients: 1, serverReference: 'other:1883' });
    broker.client('a');
    const refused = broker.connect('b');
    expect(refused.connackReason).toBe(0x9c);
    expect(connack(refused)?.serverReference).toBe('other:1883');
    expect(broker.connect('c', { version: 4 }).connackReason).toBe(3);
  });
});

describe('a reason string', () => {
  it('explains refusals, and only to clients that want to know [MQTT-3.1.2-29]', () => {
    const broker = new TestBroker();
    for (const requestProblemInformation of [true, false]) {
      const client = broker.client('a', { properties: { requestProblemInformation } });
      client.subscribe('a/#/b');
      client.publish('$SYS/x', 'y', { qos: 1 });
      const strings = [client.all('suback')[0]?.packet.properties, client.all('puback')[0]?.properties].map(
        (properties) => properties?.reasonString !== undefined,
      );
      expect(strings).toEqual([requestProblemInformation, requestProblemInformation]);
    }
  });
});

describe('the payload format indicator', () => {
  const wrong = { properties: { payloadFormatIndicator: 1 as const } };
  const bytes = new Uint8Array([0xff, 0xfe]);

  it('is checked when the operator asks for it: 0x99', () => {
    const broker = new TestBroker({ checkPayloadFormat: true });
    const client = broker.client('a');
    expect(client.reasonFor(client.publish('t', bytes, { qos: 1, ...wrong }))).toBe(0x99);
    expect(client.reasonFor(client.publish('t', bytes, { qos: 2, ...wrong }))).toBe(0x99);
    expect(client.reasonFor(client.publish('t', 'fine', { qos: 1, ...wrong }))).toBe(0x10);
    client.publish('t', bytes, wrong);
    expect(client.disconnectReason).toBe(0x99);
  });

  it('is passed on unchecked otherwise', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.subscribe('t');
    client.publish('t', bytes, wrong);
    expect(client.messages[0]?.properties.payloadFormatIndicator).toBe(1);
  });
});

describe('$SYS', () => {
  it('has what is true of the realm, retained, and tells nothing of others', () => {
    const authenticator = { authenticate: (username: string | null) => ({ realm: username ?? 'default', username }) };
    const broker = new TestBroker({ authenticator });
    const sys = new SysTopics(broker.broker, '1.2.3');
    const red = broker.client('r', { username: 'red' });
    const blue = broker.client('b', { username: 'blue' });
    broker.client('b2', { username: 'blue' });
    blue.publish('t', 'x');
    sys.publish();
    red.subscribe('$SYS/#');
    const seen = Object.fromEntries(
      red.messages.map(({ topic, payload }) => [topic.slice('$SYS/broker/'.length), payload]),
    );
    expect(seen).toMatchObject({ version: 'Plexus 1.2.3', 'clients/connected': '1', 'messages/received': '0' });
    expect(red.messages.every(({ retain }) => retain)).toBe(true);
    blue.subscribe('$SYS/broker/+/connected');
    expect(blue.take()).toEqual(['2']);
  });

  it('changes live, and is not part of #', () => {
    const broker = new TestBroker();
    const sys = new SysTopics(broker.broker, '1');
    const client = broker.client('a');
    client.subscribe('$SYS/broker/clients/connected');
    const all = broker.client('b');
    all.subscribe('#');
    sys.publish();
    broker.client('c');
    sys.publish();
    broker.settle();
    expect(client.take()).toEqual(['2', '3']);
    expect(all.take()).toEqual([]);
  });
});
