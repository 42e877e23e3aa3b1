import { encodeConnect, PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket, publishPacket } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const KEPT = { cleanStart: false };
const limited = (maximumPacketSizeBytes: number) => ({
  ...KEPT,
  properties: { maximumPacketSizeBytes, sessionExpiryIntervalS: 60 },
});

describe('the maximum packet size of a client', () => {
  it.each([0, 1, 2] as const)(
    'is kept to at QoS %i: what is too large is dropped and counted [MQTT-3.1.2-24]',
    (qos) => {
      const broker = new TestBroker();
      const client = broker.client('s', limited(60));
      client.subscribe('t', 2);
      const publisher = broker.client('p');
      for (const payload of ['before', 'x'.repeat(60), 'after']) publisher.publish('t', payload, { qos });
      expect(client.take()).toEqual(['before', 'after']);
      expect(client.closed).toBe(false);
      expect(broker.dropped('too_large')).toBe(1);
    },
  );

  it.each([0, 1] as const)('is exact: a packet of just that size comes at QoS %i', (qos) => {
    const broker = new TestBroker();
    const size = publishPacket(5, 't', 'x'.repeat(200), { qos, packetId: 1 }).length;
    const client = broker.client('s', limited(size));
    client.subscribe('t', 2);
    const publisher = broker.client('p');
    publisher.publish('t', 'x'.repeat(200), { qos });
    publisher.publish('t', 'x'.repeat(201), { qos });
    expect(client.take()).toEqual(['x'.repeat(200)]);
  });

  it('takes the large ones out of a run of messages, and leaves the rest in order', () => {
    const broker = new TestBroker();
    const [small, large] = [broker.client('s', limited(100)), broker.client('l')];
    for (const client of [small, large]) client.subscribe('t');
    const payloads = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(i % 3 === 0 ? 150 : 10));
    for (const version of [4, 5] as const) {
      const publisher = broker.client(`p${version}`, { version });
      publisher.send(...payloads.map((payload) => publishPacket(version, 't', payload)));
      expect(small.take()).toEqual(payloads.filter((_, i) => i % 3 !== 0));
      expect(large.take()).toEqual(payloads);
    }
    expect(broker.dropped('too_large')).toBe(14);
  });

  it('counts the properties, which 3.1.1 does not get', () => {
    const broker = new TestBroker();
    const client = broker.client('s', limited(100));
    client.subscribe('t', 1);
    const properties = { userProperties: [['k', 'v'.repeat(100)] as const] };
    broker.client('p').publish('t', 'x', { qos: 1, properties });
    expect(client.take()).toEqual([]);
    broker.client('p4', { version: 4 }).publish('t', 'y', { qos: 1 });
    expect(client.take()).toEqual(['y']);
  });

  it('holds for retained messages', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    publisher.publish('t/0', 'x'.repeat(100), { retain: true });
    publisher.publish('t/1', 'x'.repeat(100), { retain: true, qos: 1 });
    publisher.publish('t/2', 'small', { retain: true, qos: 1 });
    const client = broker.client('s', limited(60));
    client.subscribe('t/#', 1);
    expect(client.take()).toEqual(['small']);
  });

  it('holds for what is sent again to a client that came back with a smaller one', () => {
    const broker = new TestBroker();
    const first = broker.client('s', { ...limited(1000), autoAck: false });
    first.subscribe('t', 2);
    const publisher = broker.client('p');
    for (const [i, length] of [10, 200, 10].entries()) {
      publisher.publish('t', `${i}`.padEnd(length), { qos: i === 1 ? 2 : 1 });
    }
    first.hangUp();
    const second = broker.client('s', limited(100));
    expect(second.take().map((payload) => payload.trim())).toEqual(['0', '2']);
    expect(broker.dropped('too_large')).toBe(1);
    expect(broker.session('s')?.state.inFlight).toBe(0);
  });
});

describe('our maximum packet size', () => {
  const over = (bytes: number) => publishPacket(5, 't', 'x'.repeat(bytes));

  it('closes a client that goes beyond it with 0x95, from the header on [MQTT-3.2.2-15]', () => {
    const broker = new TestBroker({ maxPacketBytes: 2000 });
    const client = broker.client('a');
    client.send(over(1900));
    expect(client.closed).toBe(false);
    client.send(over(2000).subarray(0, 3));
    expect(client.disconnectReason).toBe(Reason.PacketTooLarge);
    expect(broker.broker.counters.closed.get('packet_too_large')).toBe(1);
  });

  it('holds before the CONNECT too', () => {
    const broker = new TestBroker({ maxPacketBytes: 1024 });
    const client = broker.stranger('a');
    broker.accept(client);
    client.send(encodeConnect(connectPacket(5, 'a'.repeat(2000))));
    expect(client.closed).toBe(true);
    expect(broker.registered('a')).toBeNull();
  });

  it('leaves packets alone that are just as large', () => {
    const packet = over(1000);
    const broker = new TestBroker({ maxPacketBytes: packet.length });
    const client = broker.client('a');
    client.subscribe('t');
    client.send(packet);
    expect(client.all('publish')).toHaveLength(1);
    expect(PacketType.Publish).toBe(packet[0]! >> 4);
  });
});
