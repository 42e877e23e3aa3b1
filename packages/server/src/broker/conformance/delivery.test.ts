import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../../testing/test-broker.ts';

// §4.3 to §4.6: delivery, its retries and its order.

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
const keptOf = (version: 4 | 5) => (version === 5 ? KEPT : { cleanStart: false });

describe('QoS 1 to a client', () => {
  it('is done with when the client refuses it in PUBACK [MQTT-4.4.0-2]', () => {
    const broker = new TestBroker();
    const client = broker.client('s', { ...KEPT, autoAck: false });
    client.subscribe('t', 1);
    broker.client('p').publish('t', 'x', { qos: 1 });
    client.ack(PacketType.Puback, client.messages[0]!.packetId, Reason.UnspecifiedError);
    client.hangUp();
    expect(broker.client('s', KEPT).take()).toEqual([]);
  });

  it.each([4, 5] as const)('stays unacknowledged until its PUBACK (v%i) [MQTT-4.3.2-3]', (version) => {
    const broker = new TestBroker();
    const options = { version, ...keptOf(version), autoAck: false };
    broker.client('s', options).subscribe('t', 1);
    broker.client('p').publish('t', 'x', { qos: 1 });
    for (let i = 0; i < 3; i++) {
      const again = broker.client('s', options);
      expect(again.messages).toMatchObject([{ payload: 'x', qos: 1, dup: true, packetId: 1 }]);
      if (i === 2) again.ack(PacketType.Puback, 1);
      again.hangUp();
    }
    expect(broker.client('s', options).take()).toEqual([]);
  });
});

describe('QoS 2 to a client', () => {
  it.each([4, 5] as const)('is sent with DUP 0 and an unused packet id (v%i) [MQTT-4.3.3-1]', (version) => {
    const broker = new TestBroker();
    const client = broker.client('s', { version, autoAck: false });
    client.subscribe('t', 2);
    for (let i = 0; i < 10; i++) broker.client('p').publish('t', `${i}`, { qos: 2, dup: true, packetId: 1 });
    expect(client.messages.map(({ qos, dup }) => [qos, dup])).toEqual(new Array(10).fill([2, false]));
    expect(new Set(client.messages.map(({ packetId }) => packetId)).size).toBe(10);
  });

  it('does not expire any more once it was sent [MQTT-4.3.3-7]', () => {
    const broker = new TestBroker();
    const first = broker.client('s', { ...KEPT, autoAck: false });
    first.subscribe('t', 2);
    broker.client('p').publish('t', 'x', { qos: 2, properties: { messageExpiryIntervalS: 2 } });
    const [sent] = first.messages;
    first.hangUp();
    broker.advance(10_000);
    const second = broker.client('s', KEPT);
    expect(second.messages).toMatchObject([{ payload: 'x', dup: true, packetId: sent!.packetId }]);
    expect(broker.session('s')?.state.inFlight).toBe(0);
  });

  it.each([4, 5] as const)('stays unacknowledged until its PUBCOMP (v%i) [MQTT-4.3.3-5]', (version) => {
    const broker = new TestBroker();
    const options = { version, ...keptOf(version), autoAck: false };
    const first = broker.client('s', options);
    first.subscribe('t', 2);
    broker.client('p').publish('t', 'x', { qos: 2 });
    first.ack(PacketType.Pubrec, 1);
    for (let i = 0; i < 3; i++) {
      const again = broker.client('s', options);
      expect(again.packets.slice(1)).toMatchObject([{ on: 'pubrel', packetId: 1 }]);
      if (i === 2) again.ack(PacketType.Pubcomp, 1);
      again.hangUp();
    }
    expect(broker.client('s', options).packets).toHaveLength(1);
  });

  it('is released in the order of the PUBREC packets [MQTT-4.6.0-4]', () => {
    const broker = new TestBroker();
    const client = broker.client('s', { autoAck: false });
    client.subscribe('t', 2);
    for (let i = 0; i < 4; i++) broker.client('p').publish('t', `${i}`, { qos: 2 });
    const order = [2, 0, 3, 1].map((i) => client.messages[i]!.packetId);
    for (const packetId of order) client.ack(PacketType.Pubrec, packetId);
    expect(client.all('pubrel').map(({ packetId }) => packetId)).toEqual(order);
  });
});

describe('QoS 2 from a client', () => {
  it.each([4, 5] as const)('is a new message again after PUBCOMP (v%i) [MQTT-4.3.3-12]', (version) => {
    const broker = new TestBroker();
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 2);
    const publisher = broker.client('p', { version });
    for (const payload of ['1', '2', '3']) publisher.publish('t', payload, { qos: 2, packetId: 7 });
    expect(publisher.all('pubcomp')).toHaveLength(3);
    expect(subscriber.take()).toEqual(['1', '2', '3']);
  });

  it('goes on to PUBCOMP though the message has expired [MQTT-4.3.3-13]', () => {
    const broker = new TestBroker();
    const away = broker.client('s', KEPT);
    away.subscribe('t', 2);
    away.hangUp();
    const publisher = broker.client('p', { autoAck: false });
    const packetId = publisher.publish('t', 'x', { qos: 2, properties: { messageExpiryIntervalS: 1 } });
    expect(publisher.reasonFor(packetId)).toBe(0);
    broker.advance(5000);
    expect(broker.client('s', KEPT).take()).toEqual([]);
    publisher.ack(PacketType.Pubrel, packetId);
    expect(publisher.all('pubcomp')).toEqual([{ on: 'pubcomp', packetId, reason: 0 }]);
  });

  it('is answered in the order of the PUBLISH packets [MQTT-4.6.0-3]', () => {
    const publisher = new TestBroker().client('p', { autoAck: false });
    const ids = [9, 3, 7, 1];
    for (const packetId of ids) publisher.publish('t', 'x', { qos: 2, packetId });
    expect(publisher.all('pubrec').map(({ packetId }) => packetId)).toEqual(ids);
  });
});

describe('a message that we have taken', () => {
  it.each([4, 5] as const)('is in the session of every client that wants it (v%i) [MQTT-4.5.0-1]', (version) => {
    const broker = new TestBroker();
    const ids = ['a', 'b', 'c'];
    for (const id of ids) {
      const client = broker.client(id, { version, ...keptOf(version) });
      client.subscribe(id === 'c' ? 't/#' : 't/+', 2);
      if (id !== 'b') client.hangUp();
    }
    const publisher = broker.client('p', { version });
    for (const qos of [1, 2] as const) publisher.publish('t/x', `${qos}`, { qos });
    for (const id of ids.filter((each) => each !== 'b')) {
      expect(broker.client(id, { version, ...keptOf(version) }).take()).toEqual(['1', '2']);
    }
  });
});
