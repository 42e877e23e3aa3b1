import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };

describe('QoS 2 from a client', () => {
  it('is answered by PUBREC and PUBCOMP, and delivered once [MQTT-4.3.3-8] [MQTT-4.3.3-11]', () => {
    const broker = new TestBroker();
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 2);
    const publisher = broker.client('p');
    const packetId = publisher.publish('t', 'x', { qos: 2 });
    expect(publisher.packets.slice(1)).toEqual([
      { on: 'pubrec', packetId, reason: 0 },
      { on: 'pubcomp', packetId, reason: 0 },
    ]);
    expect(subscriber.take()).toEqual(['x']);
  });

  it('delivers a packet id that was not released once, however often it comes [MQTT-4.3.3-10]', () => {
    const broker = new TestBroker();
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 2);
    const publisher = broker.client('p', { autoAck: false });
    publisher.publish('t', 'x', { qos: 2, packetId: 4 });
    publisher.publish('t', 'x', { qos: 2, packetId: 4, dup: true });
    expect(publisher.all('pubrec')).toHaveLength(2);
    expect(subscriber.take()).toEqual(['x']);
    publisher.ack(PacketType.Pubrel, 4);
    publisher.publish('t', 'y', { qos: 2, packetId: 4 });
    expect(subscriber.take()).toEqual(['y']);
  });

  it('remembers packet ids over a reconnect of a kept session', () => {
    const broker = new TestBroker();
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 2);
    const first = broker.client('p', { ...KEPT, autoAck: false });
    first.publish('t', 'x', { qos: 2, packetId: 4 });
    first.hangUp();
    const second = broker.client('p', KEPT);
    second.publish('t', 'x', { qos: 2, packetId: 4, dup: true });
    expect(second.all('pubcomp')).toMatchObject([{ packetId: 4, reason: 0 }]);
    expect(subscriber.take()).toEqual(['x']);
  });

  it('forgets packet ids with the session', () => {
    const broker = new TestBroker();
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 2);
    const first = broker.client('p', { autoAck: false });
    first.publish('t', 'x', { qos: 2, packetId: 4 });
    first.hangUp();
    broker.client('p').publish('t', 'y', { qos: 2, packetId: 4 });
    expect(subscriber.take()).toEqual(['x', 'y']);
  });

  it.each([4, 5] as const)('answers a PUBREL of an unknown packet id by PUBCOMP (v%i)', (version) => {
    const publisher = new TestBroker().client('p', { version });
    publisher.ack(PacketType.Pubrel, 5);
    const reason = version === 5 ? Reason.PacketIdentifierNotFound : 0;
    expect(publisher.all('pubcomp')).toMatchObject([{ packetId: 5, reason }]);
  });

  it('frees the packet id when it refuses the message [MQTT-4.3.3-9]', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    expect(publisher.reasonFor(publisher.publish('$SYS/x', 'x', { qos: 2, packetId: 4 }))).toBe(Reason.NotAuthorized);
    expect(broker.session('p')?.state.received).toBe(0);
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 2);
    publisher.publish('t', 'y', { qos: 2, packetId: 4 });
    expect(subscriber.take()).toEqual(['y']);
  });
});

describe('QoS 2 to a client', () => {
  const inFlight = () => {
    const broker = new TestBroker();
    const client = broker.client('s', { ...KEPT, autoAck: false });
    client.subscribe('t', 2);
    const publisher = broker.client('p');
    for (const payload of ['1', '2', '3']) publisher.publish('t', payload, { qos: 2 });
    return { broker, client, ids: client.messages.map((message) => message.packetId) };
  };

  it('sends PUBREL after PUBREC, and frees the packet id at PUBCOMP [MQTT-4.3.3-5]', () => {
    const { broker, client, ids } = inFlight();
    client.ack(PacketType.Pubrec, ids[0]!);
    expect(client.all('pubrel')).toMatchObject([{ packetId: ids[0], reason: 0 }]);
    expect(broker.session('s')?.state.inFlight).toBe(3);
    client.ack(PacketType.Pubcomp, ids[0]!);
    expect(broker.session('s')?.state.inFlight).toBe(2);
  });

  it('sends PUBLISH again before PUBREC, and only PUBREL after it, in order [MQTT-4.4.0-1] [MQTT-4.3.3-6]', () => {
    const { broker, client, ids } = inFlight();
    client.ack(PacketType.Pubrec, ids[1]!);
    client.hangUp();
    const again = broker.client('s', { ...KEPT, autoAck: false });
    expect(
      again.packets.slice(1).map((packet) => (packet.on === 'publish' ? [packet.payload, packet.dup] : packet)),
    ).toEqual([['1', true], { on: 'pubrel', packetId: ids[1], reason: 0 }, ['3', true]]);
  });

  it('answers PUBREC of an unknown packet id by PUBREL 0x92', () => {
    const client = new TestBroker().client('s');
    client.ack(PacketType.Pubrec, 9);
    expect(client.all('pubrel')).toMatchObject([{ packetId: 9, reason: Reason.PacketIdentifierNotFound }]);
  });

  it('is done with a message that the client refuses in PUBREC [MQTT-4.3.3-4]', () => {
    const { broker, client, ids } = inFlight();
    client.ack(PacketType.Pubrec, ids[0]!, Reason.UnspecifiedError);
    expect(client.all('pubrel')).toEqual([]);
    expect(broker.session('s')?.state.inFlight).toBe(2);
  });

  it('answers PUBREC twice with PUBREL twice', () => {
    const { client, ids } = inFlight();
    client.ack(PacketType.Pubrec, ids[0]!);
    client.ack(PacketType.Pubrec, ids[0]!);
    expect(client.all('pubrel')).toHaveLength(2);
    expect(client.closed).toBe(false);
  });

  it('holds no bytes of messages that the client has taken', () => {
    const { broker, client, ids } = inFlight();
    for (const id of ids) client.ack(PacketType.Pubrec, id);
    expect(broker.session('s')?.state.heldBytes).toBe(0);
    expect(broker.broker.context.queuedBytes.total).toBe(0);
  });
});
