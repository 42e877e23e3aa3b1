import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';

const retain = (client: TestClient, topic: string, payload: string, qos: 0 | 1 | 2 = 0) =>
  client.publish(topic, payload, { qos, retain: true });

const topics = (client: TestClient) => client.messages.map((message) => message.topic).sort();

describe('a retained message', () => {
  it.each([4, 5] as const)(
    'is given to a new subscription with RETAIN set, after the SUBACK (v%i) [MQTT-3.3.1-8]',
    (v) => {
      const broker = new TestBroker();
      retain(broker.client('p', { version: v }), 't', 'x');
      const client = broker.client('s', { version: v });
      client.subscribe('t', 1);
      expect(client.packets.map((packet) => packet.on)).toEqual(['connack', 'suback', 'publish']);
      expect(client.messages).toMatchObject([{ topic: 't', payload: 'x', retain: true, qos: 0, dup: false }]);
    },
  );

  it('replaces the one before it, and an empty payload takes it away [MQTT-3.3.1-5] [MQTT-3.3.1-6]', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    retain(publisher, 't', 'old');
    retain(publisher, 't', 'new');
    const client = broker.client('s');
    client.subscribe('t');
    expect(client.take()).toEqual(['new']);
    retain(publisher, 't', '');
    expect(client.take()).toEqual(['']);
    expect(broker.retained.messages).toBe(0);
    client.subscribe('t');
    expect(client.take()).toEqual([]);
  });

  it('goes to subscriptions that exist as an ordinary message [MQTT-3.3.1-12]', () => {
    const broker = new TestBroker();
    const [plain, asPublished] = [broker.client('a'), broker.client('b')];
    plain.subscribe('t', 2);
    asPublished.subscribe('t', 2, { retainAsPublished: true });
    for (const qos of [0, 1, 2] as const) retain(broker.client(`p${qos}`), 't', 'x', qos);
    expect(plain.messages.map((message) => message.retain)).toEqual([false, false, false]);
    expect(asPublished.messages.map((message) => message.retain)).toEqual([true, true, true]);
  });

  it('is not set by a message without RETAIN [MQTT-3.3.1-8]', () => {
    const broker = new TestBroker();
    broker.client('p').publish('t', 'x', { qos: 1 });
    expect(broker.retained.messages).toBe(0);
  });

  it.each([
    ['#', ['a', 'a/b', 'a/b/c', 'a/$x']],
    ['a/#', ['a', 'a/b', 'a/b/c', 'a/$x']],
    ['a/+', ['a/b', 'a/$x']],
    ['+', ['a']],
    ['+/b/#', ['a/b', 'a/b/c']],
    ['/#', ['/']],
    ['+/+', ['/', 'a/b', 'a/$x']],
    ['$x/#', ['$x/y']],
    ['nothing', []],
  ])('is found by the filter %s', (filter, expected) => {
    const broker = new TestBroker();
    for (const topic of ['a', 'a/b', 'a/b/c', 'a/$x', '/', '$x/y']) {
      broker.retained.set('default', broker.message(topic, 'x', { retain: true }));
    }
    const client = broker.client('s');
    client.subscribe(filter);
    const all = filter === '#' ? [...expected, '/'] : expected;
    expect(topics(client)).toEqual(all.sort());
  });

  it('comes at the lower of its QoS and the granted one, and is acknowledged like any other', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    for (const qos of [0, 1, 2] as const) retain(publisher, `t/${qos}`, 'x', qos);
    const client = broker.client('s');
    client.subscribe('t/#', 1);
    expect(client.messages.map(({ topic, qos }) => [topic, qos]).sort()).toEqual([
      ['t/0', 0],
      ['t/1', 1],
      ['t/2', 1],
    ]);
    expect(broker.session('s')?.state.inFlight).toBe(0);
  });

  it('follows the retain handling of the subscription [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]', () => {
    const broker = new TestBroker();
    retain(broker.client('p'), 't', 'x');
    const client = broker.client('s');
    client.subscribe('t', 0, { retainHandling: 2 });
    expect(client.take()).toEqual([]);
    client.subscribe('t', 0, { retainHandling: 1 });
    expect(client.take()).toEqual([]);
    client.subscribe('t', 0, { retainHandling: 0 });
    expect(client.take()).toEqual(['x']);
    client.unsubscribe('t');
    client.subscribe('t', 0, { retainHandling: 1 });
    expect(client.take()).toEqual(['x']);
  });

  it('keeps its properties', () => {
    const broker = new TestBroker();
    const properties = { contentType: 'text', userProperties: [['k', 'v'] as const] };
    broker.client('p').publish('t', 'x', { retain: true, properties });
    const client = broker.client('s');
    client.subscribe('t');
    expect(client.messages[0]?.properties).toEqual(properties);
  });

  it('is not given any more once it has expired [MQTT-3.3.2-5]', () => {
    const broker = new TestBroker();
    broker.client('p').publish('t', 'x', { retain: true, properties: { messageExpiryIntervalS: 5 } });
    broker.advance(5250);
    const client = broker.client('s');
    client.subscribe('t');
    expect(client.take()).toEqual([]);
  });
});

describe('many retained messages', () => {
  it('all reach a subscriber with a small receive maximum, and live messages pass', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    for (let i = 0; i < 500; i++) retain(publisher, `t/${i}`, `${i}`, 1);
    const client = broker.client('s', { properties: { receiveMaximum: 3 } });
    client.subscribe('t/#', 1);
    expect(new Set(topics(client)).size).toBe(500);
    expect(client.messages).toHaveLength(500);
  });

  it('never overflow the queue of a client that takes them slowly', () => {
    const broker = new TestBroker({ maxQueuedMessages: 5, queueFull: 'drop-newest' });
    const publisher = broker.client('p');
    for (let i = 0; i < 100; i++) retain(publisher, `t/${i}`, `${i}`, 1);
    const client = broker.client('s', { autoAck: false, properties: { receiveMaximum: 2 } });
    client.subscribe('t/#', 1);
    for (let i = 0; client.messages.length < 100 && i < 200; i++) {
      for (const { packetId } of client.messages.slice(-2)) client.ack(4, packetId);
    }
    expect(client.messages).toHaveLength(100);
    expect(broker.dropped('queue_newest')).toBe(0);
  });

  it('stop coming after an UNSUBSCRIBE', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    for (let i = 0; i < 100; i++) retain(publisher, `t/${i}`, `${i}`, 1);
    const client = broker.client('s', { autoAck: false, properties: { receiveMaximum: 2 } });
    client.subscribe('t/#', 1);
    client.unsubscribe('t/#');
    for (const { packetId } of client.messages) client.ack(4, packetId);
    expect(client.messages).toHaveLength(2);
  });

  it('are bounded in number: one too many is refused, on v5 by 0x97, and reaches nobody', () => {
    const broker = new TestBroker({ maxRetainedMessages: 1 });
    const publisher = broker.client('p');
    const client = broker.client('s');
    client.subscribe('t/#');
    retain(publisher, 't/1', 'x', 1);
    expect(publisher.reasonFor(retain(publisher, 't/2', 'x', 1))).toBe(0x97);
    expect(publisher.reasonFor(retain(publisher, 't/1', 'y', 1))).toBe(0);
    expect(client.take()).toEqual(['x', 'y']);
    retain(publisher, 't/2', 'at QoS 0', 0);
    expect(client.take()).toEqual(['at QoS 0']);
    expect(broker.dropped('retained_full')).toBe(1);
    expect(broker.retained.messages).toBe(1);
  });
});
