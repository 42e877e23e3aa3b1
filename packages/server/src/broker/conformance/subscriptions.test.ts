import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { request } from '../../testing/packets.ts';
import { TestBroker } from '../../testing/test-broker.ts';

// §3.8 to §3.11: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK.

describe('a SUBSCRIBE', () => {
  it('with several filters is as many in a row: the last of the same filter counts [MQTT-3.8.4-5]', () => {
    const broker = new TestBroker();
    for (const version of [4, 5] as const) {
      const client = broker.client(`s${version}`, { version });
      const reasons = client.subscribeAll([request('a', 2), request('b#', 1), request('a', 1), request('c', 0)]);
      expect(reasons).toEqual([2, version === 5 ? Reason.TopicFilterInvalid : 0x80, 1, 0]);
      expect(client.all('suback')).toHaveLength(1);
      expect(broker.session(client.id)?.state.subscriptions.get('a')?.qos).toBe(1);
    }
  });

  it('that replaces a subscription loses no message and repeats none [MQTT-3.8.4-4]', () => {
    const broker = new TestBroker();
    const client = broker.client('s', { autoAck: false, properties: { receiveMaximum: 2 } });
    client.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 6; i++) {
      publisher.publish('t', `${i}`, { qos: 1 });
      client.subscribe('t', i % 2 === 0 ? 2 : 1);
    }
    for (let i = 0; i < 6; i++) client.ack(PacketType.Puback, client.messages[i]!.packetId);
    expect(client.take()).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it.each([4, 5] as const)('that replaces one gets the retained messages again (v%i) [MQTT-3.8.4-3]', (version) => {
    const broker = new TestBroker();
    broker.client('p').publish('t', 'x', { retain: true });
    const client = broker.client('s', { version });
    for (const qos of [0, 1, 0] as const) client.subscribe('t', qos);
    expect(client.take()).toEqual(['x', 'x', 'x']);
  });

  it.each([4, 5] as const)('may have wildcards, at every level (v%i) [MQTT-3.8.3-2] of 3.1.1', (version) => {
    const client = new TestBroker().client('s', { version });
    expect(client.subscribeAll(['#', '+', '+/+/#', 'a/+/b'].map((filter) => request(filter, 1)))).toEqual([1, 1, 1, 1]);
  });

  it.each([4, 5] as const)('with wildcards in the wrong place fails (v%i) [MQTT-4.7.1-1] [MQTT-4.7.1-2]', (version) => {
    const client = new TestBroker().client('s', { version });
    const wrong = ['a#', '#/a', 'a/#/b', '+a', 'a+', 'a/b+/c', ''];
    const failure = version === 5 ? Reason.TopicFilterInvalid : 0x80;
    expect(client.subscribeAll(wrong.map((filter) => request(filter, 1)))).toEqual(wrong.map(() => failure));
    expect(client.closed).toBe(false);
  });

  it('uses no code for 3.1.1 but 0, 1, 2 and 0x80 [MQTT-3.9.3-2] of 3.1.1', () => {
    const broker = new TestBroker({ maxSubscriptionsPerClient: 3 });
    const client = broker.client('s', { version: 4 });
    const filters = ['a', 'b', 'c', 'd', 'a#', '$share/g', 'x'.repeat(2000)];
    const qos = [0, 1, 2, 0, 0, 0, 0] as const;
    expect(client.subscribeAll(filters.map((filter, i) => request(filter, qos[i]!)))).toEqual([
      0, 1, 2, 0x80, 0x80, 0x80, 0x80,
    ]);
  });
});

describe('an UNSUBSCRIBE', () => {
  it.each([4, 5] as const)('ends the one subscription with just that filter (v%i) [MQTT-3.10.4-1]', (version) => {
    const broker = new TestBroker();
    const client = broker.client('s', { version });
    const filters = ['a/b', 'a/+', 'a/B', 'a/b/', '/a/b', 'a/#'];
    for (const filter of filters) client.subscribe(filter);
    const left = () => [...broker.session('s')!.state.subscriptions.keys()];
    client.unsubscribe('+/b', 'A/b', 'a/b ', '#');
    expect(left()).toEqual(filters);
    client.unsubscribe('a/+');
    expect(left()).toEqual(filters.filter((filter) => filter !== 'a/+'));
    client.unsubscribe('a/b');
    expect(left()).toEqual(['a/B', 'a/b/', '/a/b', 'a/#']);
  });

  it.each([4, 5] as const)('stops new messages, and completes those on their way (v%i) [MQTT-3.10.4-3]', (version) => {
    const broker = new TestBroker();
    const client = broker.client('s', { version, autoAck: false });
    client.subscribe('t', 2);
    const publisher = broker.client('p');
    for (const qos of [1, 2] as const) publisher.publish('t', `${qos}`, { qos });
    client.unsubscribe('t');
    for (const qos of [0, 1, 2] as const) publisher.publish('t', 'late', { qos });
    expect(client.take()).toEqual(['1', '2']);
    client.ack(PacketType.Puback, client.messages[0]!.packetId);
    client.ack(PacketType.Pubrec, client.messages[1]!.packetId);
    expect(client.all('pubrel')).toMatchObject([{ packetId: client.messages[1]!.packetId, reason: 0 }]);
    client.ack(PacketType.Pubcomp, client.messages[1]!.packetId);
    expect(broker.session('s')?.state.inFlight).toBe(0);
  });

  it('completes what was on its way even over a reconnect [MQTT-3.10.4-3]', () => {
    const broker = new TestBroker();
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const client = broker.client('s', { ...kept, autoAck: false });
    client.subscribe('t', 1);
    broker.client('p').publish('t', 'x', { qos: 1 });
    client.unsubscribe('t');
    client.hangUp();
    expect(broker.client('s', kept).take()).toEqual(['x']);
  });

  it('is answered where there was nothing to end, with a code per filter in order [MQTT-3.11.3-1]', () => {
    const client = new TestBroker().client('s');
    client.subscribe('a');
    client.subscribe('b');
    expect(client.unsubscribe('none', 'a', 'none', 'b', 'a')).toEqual([0x11, 0, 0x11, 0, 0x11]);
    expect(client.all('unsuback')).toHaveLength(1);
    expect(client.unsubscribe('none')).toEqual([0x11]);
  });

  it('is answered in 3.1.1 too, where there was nothing to end [MQTT-3.10.4-5] of 3.1.1', () => {
    const client = new TestBroker().client('s', { version: 4 });
    client.unsubscribe('none', 'neither');
    expect(client.all('unsuback')).toMatchObject([{ packet: { packetId: 1, reasons: [] } }]);
  });
});

describe('topics', () => {
  it('are compared as they are, without any normalization [MQTT-4.7.3-4]', () => {
    const broker = new TestBroker();
    const names = ['a', 'A', 'a ', ' a', 'a/', '/a', '//a', 'a/.', 'a/../a', '\u00e4', 'a\u0308', '\ufeffa', '%61'];
    const clients = names.map((name, i) => {
      const client = broker.client(`s${i}`);
      client.subscribe(name);
      return client;
    });
    for (const name of names) broker.client('p').publish(name, name);
    expect(clients.map((client) => client.take())).toEqual(names.map((name) => [name]));
  });

  it('that a filter does not match never come for it [MQTT-3.3.2-3]', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('a/+/c', 1);
    for (const topic of ['a/c', 'a/b/c/d', 'b/b/c', 'a/b', 'a//c', 'a/b/c']) {
      broker.client('p').publish(topic, topic, { qos: 1 });
      broker.client('p').publish(topic, topic, { qos: 0, retain: true });
    }
    expect(client.take()).toEqual(['a//c', 'a//c', 'a/b/c', 'a/b/c']);
  });
});
