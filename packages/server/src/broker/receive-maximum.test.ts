import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { publishPacket } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const subscribed = (receiveMaximum: number, options: ConstructorParameters<typeof TestBroker>[0] = {}) => {
  const broker = new TestBroker(options);
  const client = broker.client('s', { autoAck: false, properties: { receiveMaximum } });
  client.subscribe('t', 2);
  const publisher = broker.client('p');
  return { broker, client, publisher };
};

describe('the receive maximum of a client', () => {
  it('bounds what is on its way to it at QoS 1; each acknowledgement lets one follow [MQTT-3.3.4-9]', () => {
    const { client, publisher } = subscribed(2);
    for (let i = 0; i < 5; i++) publisher.publish('t', `${i}`, { qos: 1 });
    expect(client.take()).toEqual(['0', '1']);
    client.ack(PacketType.Puback, client.messages[1]!.packetId);
    expect(client.take()).toEqual(['2']);
    client.ack(PacketType.Puback, client.messages[0]!.packetId);
    client.ack(PacketType.Puback, client.messages[2]!.packetId);
    expect(client.take()).toEqual(['3', '4']);
  });

  it('counts a QoS 2 message until PUBCOMP, or until a PUBREC that refuses it', () => {
    const { client, publisher } = subscribed(1);
    for (let i = 0; i < 3; i++) publisher.publish('t', `${i}`, { qos: 2 });
    const [first] = client.messages;
    client.ack(PacketType.Pubrec, first!.packetId);
    expect(client.take()).toEqual(['0']);
    client.ack(PacketType.Pubcomp, first!.packetId);
    expect(client.take()).toEqual(['1']);
    client.ack(PacketType.Pubrec, client.messages[1]!.packetId, Reason.UnspecifiedError);
    expect(client.take()).toEqual(['2']);
  });

  it('does not hold up QoS 0', () => {
    const { client, publisher } = subscribed(1);
    for (const qos of [1, 1, 0] as const) publisher.publish('t', `${qos}`, { qos });
    expect(client.take()).toEqual(['1', '0']);
  });

  it('is kept to when messages are sent again', () => {
    const broker = new TestBroker();
    const kept = { cleanStart: false, autoAck: false };
    const expiry = { sessionExpiryIntervalS: 60 };
    const first = broker.client('s', { ...kept, properties: expiry });
    first.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 6; i++) publisher.publish('t', `${i}`, { qos: 1 });
    first.hangUp();
    const second = broker.client('s', { ...kept, properties: { ...expiry, receiveMaximum: 2 } });
    expect(second.take()).toEqual(['0', '1']);
    publisher.publish('t', '6', { qos: 1 });
    for (let i = 0; i < 6; i++) second.ack(PacketType.Puback, second.messages[i]!.packetId);
    expect(second.take()).toEqual(['2', '3', '4', '5', '6']);
    expect(second.messages.map((message) => message.dup)).toEqual([true, true, true, true, true, true, false]);
  });

  it('is not stretched by acknowledgements of what was not sent again yet', () => {
    const broker = new TestBroker();
    const kept = { cleanStart: false, autoAck: false };
    const expiry = { sessionExpiryIntervalS: 60 };
    const first = broker.client('s', { ...kept, properties: expiry });
    first.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 6; i++) publisher.publish('t', `${i}`, { qos: 1 });
    const ids = first.messages.map((message) => message.packetId);
    first.hangUp();
    const second = broker.client('s', { ...kept, properties: { ...expiry, receiveMaximum: 1 } });
    second.ack(PacketType.Puback, ids[4]!);
    second.ack(PacketType.Puback, ids[5]!);
    expect(second.take()).toEqual(['0']);
    second.ack(PacketType.Puback, ids[0]!);
    expect(second.take()).toEqual(['1']);
  });

  it('does not go beyond maxInFlight, which bounds what we hold', () => {
    const { client, publisher } = subscribed(60_000, { maxInFlight: 3 });
    for (let i = 0; i < 5; i++) publisher.publish('t', `${i}`, { qos: 1 });
    expect(client.take()).toEqual(['0', '1', '2']);
  });
});

describe('our receive maximum', () => {
  it('closes a v5 client that goes beyond it with 0x93 [MQTT-3.3.4-7]', () => {
    const broker = new TestBroker({ maxInFlight: 3 });
    const publisher = broker.client('p', { autoAck: false });
    for (let i = 0; i < 3; i++) publisher.publish('t', 'x', { qos: 2 });
    expect(publisher.closed).toBe(false);
    publisher.publish('t', 'x', { qos: 2 });
    expect(publisher.disconnectReason).toBe(Reason.ReceiveMaximumExceeded);
    expect(publisher.closed).toBe(true);
  });

  it('does not count what was acknowledged in the same read', () => {
    const broker = new TestBroker({ maxInFlight: 3 });
    const publisher = broker.client('p');
    publisher.send(...Array.from({ length: 50 }, (_, i) => publishPacket(5, 't', 'x', { qos: 1, packetId: i + 1 })));
    expect(publisher.all('puback')).toHaveLength(50);
    expect(publisher.closed).toBe(false);
  });

  it('does not count the same QoS 2 message twice', () => {
    const broker = new TestBroker({ maxInFlight: 1 });
    const publisher = broker.client('p', { autoAck: false });
    publisher.publish('t', 'x', { qos: 2, packetId: 1 });
    publisher.publish('t', 'x', { qos: 2, packetId: 1, dup: true });
    expect(publisher.closed).toBe(false);
  });

  it('is not asked of 3.1.1 clients, which were told none', () => {
    const broker = new TestBroker({ maxInFlight: 3 });
    const publisher = broker.client('p', { version: 4, autoAck: false });
    for (let i = 0; i < 100; i++) publisher.publish('t', 'x', { qos: 2 });
    expect(publisher.all('pubrec')).toHaveLength(100);
  });
});
