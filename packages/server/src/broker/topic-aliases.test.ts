import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const alias = (topicAlias: number) => ({ properties: { topicAlias } });

describe('a topic alias of a client', () => {
  it.each([0, 1, 2] as const)('stands for the topic it was given with, QoS %i', (qos) => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('#', qos);
    const publisher = broker.client('p');
    publisher.publish('a/long/topic', '1', { qos, ...alias(3) });
    publisher.publish('', '2', { qos, ...alias(3) });
    publisher.publish('another', '3', { qos, ...alias(3) });
    publisher.publish('', '4', { qos, ...alias(3) });
    expect(client.messages.map(({ topic, payload }) => [topic, payload])).toEqual([
      ['a/long/topic', '1'],
      ['a/long/topic', '2'],
      ['another', '3'],
      ['another', '4'],
    ]);
    expect(client.messages.every(({ properties }) => properties.topicAlias === undefined)).toBe(true);
  });

  it('leaves the other properties as they are', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('#');
    const properties = { contentType: 'c', userProperties: [['k', 'v']] as const, topicAlias: 1, responseTopic: 'r' };
    broker.client('p').publish('t', 'x', { properties: { ...properties, userProperties: [['k', 'v']] } });
    expect(client.messages[0]?.properties).toEqual({
      contentType: 'c',
      userProperties: [['k', 'v']],
      responseTopic: 'r',
    });
  });

  it('ends with its connection [MQTT-3.3.2-7]', () => {
    const broker = new TestBroker();
    broker.client('p').publish('t', 'x', alias(1));
    const again = broker.client('p');
    again.publish('', 'x', alias(1));
    expect(again.disconnectReason).toBe(0x94);
  });
});

describe('a topic alias to a client', () => {
  const scene = (topicAliasMaximum: number) => {
    const broker = new TestBroker();
    const client = broker.client('s', { properties: { topicAliasMaximum } });
    client.subscribe('#', 1);
    return { broker, client, publisher: broker.client('p') };
  };

  it.each([0, 1] as const)('takes the place of a topic that comes again, never above its maximum, QoS %i', (qos) => {
    const { client, publisher } = scene(2);
    for (const topic of [
      'topic/1',
      'topic/1',
      'topic/1',
      'topic/2',
      'topic/2',
      'topic/3',
      'topic/3',
      'topic/1',
      'topic/1',
    ]) {
      publisher.publish(topic, topic, { qos });
    }
    // The log resolves aliases as a client must; what came on the wire is in the properties.
    expect(client.messages.map(({ topic }) => topic)).toEqual(client.messages.map(({ payload }) => payload));
    const used = client.messages.map(({ properties }) => properties.topicAlias);
    expect(used.slice(0, 5)).toEqual([undefined, 1, 1, undefined, 2]);
    expect(used.every((each) => each === undefined || each <= 2)).toBe(true);
  });

  it('is not used towards a client that allows none [MQTT-3.1.2-27]', () => {
    const { client, publisher } = scene(0);
    for (let i = 0; i < 5; i++) publisher.publish('topic/1', 'x', { qos: 1 });
    expect(client.messages.every(({ properties }) => properties.topicAlias === undefined)).toBe(true);
  });

  it('is not lost with a message that is dropped', () => {
    const { broker, client, publisher } = scene(5);
    client.transport.pace = 0;
    for (let i = 0; i < 60; i++) publisher.publish(`topic/${i % 3}`, 'x'.repeat(100_000), { qos: 0 });
    client.transport.pace = 1_000_000;
    broker.settle();
    for (let i = 0; i < 6; i++) publisher.publish(`topic/${i % 3}`, `topic/${i % 3}`);
    expect(broker.dropped('outbound_full')).toBeGreaterThan(0);
    const last = client.messages.slice(-6);
    expect(last.map(({ topic }) => topic)).toEqual(last.map(({ payload }) => payload));
  });
});
