import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('overlapping subscriptions', () => {
  it('give one copy, at the highest QoS among them [MQTT-3.3.4-2]', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('a/#', 0);
    client.subscribe('a/+', 2);
    client.subscribe('a/b', 1);
    const publisher = broker.client('p');
    for (const qos of [0, 1, 2] as const) publisher.publish('a/b', `${qos}`, { qos });
    expect(client.messages.map(({ payload, qos }) => [payload, qos])).toEqual([
      ['0', 0],
      ['1', 1],
      ['2', 2],
    ]);
  });

  it('of which one goes leave the others, with their QoS', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('a/#', 0);
    client.subscribe('a/b', 2);
    const publisher = broker.client('p');
    publisher.publish('a/b', '1', { qos: 2 });
    expect(client.unsubscribe('a/b')).toEqual([0]);
    publisher.publish('a/b', '2', { qos: 2 });
    client.unsubscribe('a/#');
    publisher.publish('a/b', '3', { qos: 2 });
    expect(client.messages.map(({ payload, qos }) => [payload, qos])).toEqual([
      ['1', 2],
      ['2', 0],
    ]);
  });
});

describe('a subscription', () => {
  it('is replaced by one with the same filter, not added [MQTT-3.8.4-3]', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('t', 2);
    const publisher = broker.client('p');
    publisher.publish('t', '1', { qos: 2 });
    expect(client.subscribe('t', 0)).toEqual([0]);
    publisher.publish('t', '2', { qos: 2 });
    expect(client.messages.map(({ payload, qos }) => [payload, qos])).toEqual([
      ['1', 2],
      ['2', 0],
    ]);
    expect(client.unsubscribe('t', 't')).toEqual([0, 0x11]);
    expect(broker.broker.realms.find('default')?.subscriptions).toBe(0);
  });

  it('with no-local does not hear its own client, unless another one matches [MQTT-3.8.3-3]', () => {
    const broker = new TestBroker();
    const [client, other] = [broker.client('s'), broker.client('o')];
    client.subscribe('a/#', 1, { noLocal: true });
    for (const qos of [0, 1] as const) {
      client.publish('a/b', 'own', { qos });
      other.publish('a/b', 'other', { qos });
    }
    expect(client.take()).toEqual(['other', 'other']);
    client.subscribe('a/b', 1);
    client.publish('a/b', 'own', { qos: 1 });
    expect(client.take()).toEqual(['own']);
  });

  it('is answered each by itself, in order, in one SUBACK [MQTT-3.8.4-6]', () => {
    const broker = new TestBroker({ maxSubscriptionsPerClient: 2 });
    const client = broker.client('s');
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
    const requests = (['a', '$share//t', 'b', 'c', 'a'] as const).map((filter, i) => ({
      filter,
      qos: (i % 3) as 0 | 1 | 2,
      ...options,
    }));
    expect(client.subscribeAll(requests)).toEqual([0, 0x8f, 2, 0x97, 1]);
    expect(broker.connect('v4', { version: 4 }).subscribeAll(requests)).toEqual([0, 0x80, 2, 0x80, 1]);
  });

  it('to an invalid or too deep filter is refused, and the connection goes on', () => {
    const broker = new TestBroker({ maxTopicLevels: 3, maxTopicBytes: 20 });
    const client = broker.client('s');
    expect(client.subscribe('a/b/c/d')).toEqual([0x8f]);
    expect(client.subscribe('x'.repeat(21))).toEqual([0x8f]);
    expect(client.subscribe('a/b/c')).toEqual([0]);
  });
});
