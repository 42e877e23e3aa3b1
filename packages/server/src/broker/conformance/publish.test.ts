import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { request } from '../../testing/packets.ts';
import { TestBroker } from '../../testing/test-broker.ts';

// §3.3 PUBLISH and §4.9 flow control.

describe('a retained message', () => {
  it('is left alone by a message without RETAIN, be it empty or not [MQTT-3.3.1-8]', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    publisher.publish('t', 'kept', { retain: true });
    for (const qos of [0, 1, 2] as const) for (const payload of ['', 'other']) publisher.publish('t', payload, { qos });
    const late = broker.client('late');
    late.subscribe('t');
    expect(late.take()).toEqual(['kept']);
  });

  it.each([0, 1, 2] as const)('keeps its QoS for later subscribers (QoS %i) [MQTT-3.3.1-5] of 3.1.1', (qos) => {
    const broker = new TestBroker();
    broker.client('p', { version: 4 }).publish('t', 'x', { qos, retain: true });
    const late = broker.client('late', { version: 4 });
    late.subscribe('t', 2);
    expect(late.messages).toMatchObject([{ payload: 'x', qos, retain: true }]);
  });

  it('is replaced by one at QoS 0 [MQTT-3.3.1-7] of 3.1.1', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p', { version: 4 });
    publisher.publish('t', 'old', { qos: 2, retain: true });
    publisher.publish('t', 'new', { qos: 0, retain: true });
    const late = broker.client('late', { version: 4 });
    late.subscribe('t', 2);
    expect(late.messages).toMatchObject([{ payload: 'new', qos: 0 }]);
  });

  it('that is empty is not kept [MQTT-3.3.1-7]', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    for (const qos of [0, 1, 2] as const) publisher.publish(`t/${qos}`, '', { qos, retain: true });
    expect(broker.retained.messages).toBe(0);
  });

  it('outlives the session that published it [MQTT-3.1.2-7] of 3.1.1', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p', { version: 4 });
    publisher.publish('t', 'x', { qos: 1, retain: true });
    publisher.hangUp();
    expect(broker.session('p')).toBeNull();
    const late = broker.client('late', { version: 4 });
    late.subscribe('t');
    expect(late.take()).toEqual(['x']);
  });
});

describe('a PUBLISH to a client', () => {
  it('has the topic name first, as it was published [MQTT-3.3.2-1]', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('#');
    const names = ['a', '/', 'a//b', 'ü/\u{1f680}', '\ufeffa'];
    for (const name of names) broker.client('p').publish(name, 'x');
    expect(client.messages.map(({ topic }) => topic)).toEqual(names);
  });

  it.each([
    [0, 0, 0],
    [0, 2, 0],
    [1, 0, 0],
    [1, 2, 1],
    [2, 1, 1],
    [2, 2, 2],
  ] as const)('at QoS %i for a subscription at QoS %i comes at QoS %i [MQTT-3.8.4-8]', (published, granted, qos) => {
    const broker = new TestBroker();
    for (const version of [4, 5] as const) {
      const client = broker.client(`s${version}`, { version });
      expect(client.subscribe('t', granted)).toEqual([granted]);
      broker.client('p', { version }).publish('t', 'x', { qos: published });
      expect(client.messages).toMatchObject([{ qos }]);
    }
  });
});

describe('a send quota of 0', () => {
  const exhausted = () => {
    const broker = new TestBroker();
    const client = broker.client('s', { autoAck: false, properties: { receiveMaximum: 1 } });
    client.subscribe('t', 2);
    const publisher = broker.client('p');
    publisher.publish('t', '1', { qos: 2 });
    publisher.publish('t', '2', { qos: 2 });
    expect(client.messages).toHaveLength(1);
    return { broker, client, publisher };
  };

  it('holds up no other packet, and we answer every one [MQTT-3.3.4-10] [MQTT-4.9.0-3]', () => {
    const { client, publisher } = exhausted();
    client.ping();
    expect(client.subscribe('other', 1)).toEqual([1]);
    expect(client.unsubscribe('other')).toEqual([0]);
    const acknowledged = client.publish('elsewhere', 'x', { qos: 1 });
    expect(client.reasonFor(acknowledged)).not.toBeNull();
    const received = client.publish('elsewhere', 'x', { qos: 2 });
    client.ack(PacketType.Pubrel, received);
    publisher.publish('t', 'zero');
    client.ack(PacketType.Pubrec, client.messages[0]!.packetId);
    expect(client.packets.map((packet) => packet.on).slice(3)).toEqual([
      'pingresp',
      'suback',
      'unsuback',
      'puback',
      'pubrec',
      'pubcomp',
      'publish',
      'pubrel',
    ]);
    expect(client.take()).toEqual(['1', 'zero']);
  });

  it('is over with the PUBCOMP [MQTT-4.9.0-2]', () => {
    const { client } = exhausted();
    const { packetId } = client.messages[0]!;
    client.ack(PacketType.Pubrec, packetId);
    expect(client.take()).toEqual(['1']);
    client.ack(PacketType.Pubcomp, packetId);
    expect(client.take()).toEqual(['2']);
  });

  it('is not stretched by acknowledgements of what is not in flight [MQTT-4.9.0-1]', () => {
    const { client } = exhausted();
    client.ack(PacketType.Puback, 4711);
    client.ack(PacketType.Pubcomp, 4712);
    expect(client.take()).toEqual(['1']);
  });
});

describe('a topic alias', () => {
  it('may be any number up to the maximum of our CONNACK [MQTT-3.3.2-12]', () => {
    const broker = new TestBroker({ maxTopicAliases: 20 });
    const subscriber = broker.client('s');
    subscriber.subscribe('#');
    const publisher = broker.client('p');
    expect(publisher.all('connack')[0]?.packet.properties.topicAliasMaximum).toBe(20);
    const all = Array.from({ length: 20 }, (_, i) => i + 1);
    for (const topicAlias of all) publisher.publish(`t/${topicAlias}`, 'first', { properties: { topicAlias } });
    for (const topicAlias of all) publisher.publish('', 'again', { properties: { topicAlias } });
    expect(subscriber.messages.map(({ topic }) => topic)).toEqual([...all, ...all].map((each) => `t/${each}`));
    publisher.publish('t', 'x', { properties: { topicAlias: 21 } });
    expect(publisher.disconnectReason).toBe(Reason.TopicAliasInvalid);
  });

  it('is refused where the CONNACK named no maximum [MQTT-3.2.2-18]', () => {
    const publisher = new TestBroker({ maxTopicAliases: 0 }).client('p');
    expect(publisher.all('connack')[0]?.packet.properties).not.toHaveProperty('topicAliasMaximum');
    publisher.publish('t', 'x', { properties: { topicAlias: 1 } });
    expect(publisher.disconnectReason).toBe(Reason.TopicAliasInvalid);
  });

  it('of ours is given anew on each connection [MQTT-3.3.2-7]', () => {
    const broker = new TestBroker();
    const properties = { topicAliasMaximum: 10, sessionExpiryIntervalS: 60 };
    const connect = () => broker.client('s', { cleanStart: false, properties });
    const publisher = broker.client('p');
    connect().subscribe('topic/#', 1);
    for (let i = 0; i < 3; i++) {
      const client = connect();
      for (const payload of ['1', '2', '3']) publisher.publish('topic/1', payload, { qos: 1 });
      // The client's decoder starts without any alias, and resolves them as they come.
      expect(client.messages.map(({ topic }) => topic)).toEqual(['topic/1', 'topic/1', 'topic/1']);
      expect(client.messages.map((message) => message.properties.topicAlias)).toEqual([undefined, 1, 1]);
    }
  });

  it('of ours is never given with a packet that is then dropped for its size', () => {
    for (let length = 900; length < 980; length++) {
      const broker = new TestBroker({ outboundBufferBytes: 1000 });
      const client = broker.client('s', { properties: { topicAliasMaximum: 5 } });
      client.subscribeAll([request('#', 0)], { subscriptionIdentifiers: [268_435_455] });
      const publisher = broker.client('p');
      client.transport.pace = 0;
      for (const payload of ['x'.repeat(length), 'second']) publisher.publish('topic/1', payload);
      client.transport.pace = Number.POSITIVE_INFINITY;
      publisher.publish('topic/1', 'third');
      expect(client.messages.at(-1)).toMatchObject({ topic: 'topic/1', payload: 'third' });
    }
  });
});

describe('a retained message that does not fit', () => {
  it('at QoS 0 still takes away the one before it [MQTT-3.3.1-7] of 3.1.1', () => {
    const broker = new TestBroker({ maxRetainedBytes: 1000 });
    const publisher = broker.client('p', { version: 4 });
    publisher.publish('t', 'old', { qos: 1, retain: true });
    publisher.publish('t', 'x'.repeat(2000), { qos: 0, retain: true });
    const late = broker.client('late');
    late.subscribe('t');
    expect(late.take()).toEqual([]);
    expect(broker.dropped('retained_full')).toBe(1);
  });
});
