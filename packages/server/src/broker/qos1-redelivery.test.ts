import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { publishPacket } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };

describe('QoS 1', () => {
  it.each([4, 5] as const)(
    'acknowledges a PUBLISH and delivers it with a packet id (v%i) [MQTT-4.3.2-4]',
    (version) => {
      const broker = new TestBroker();
      const subscriber = broker.client('s', { version });
      expect(subscriber.subscribe('t', 1)).toEqual([1]);
      const publisher = broker.client('p', { version });
      const packetId = publisher.publish('t', 'x', { qos: 1 });
      expect(publisher.all('puback')).toMatchObject([{ packetId, reason: 0 }]);
      expect(subscriber.messages).toMatchObject([{ payload: 'x', qos: 1, dup: false, retain: false }]);
      expect(subscriber.messages[0]?.packetId).not.toBe(0);
      expect(broker.session('s')?.state.inFlight).toBe(0);
    },
  );

  it('says on v5 that nobody was there (0x10), which is still a success', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    expect(publisher.reasonFor(publisher.publish('t', 'x', { qos: 1 }))).toBe(Reason.NoMatchingSubscribers);
  });

  it('sends again what was not acknowledged, with DUP, the same packet ids, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]', () => {
    const broker = new TestBroker();
    const first = broker.client('s', { ...KEPT, autoAck: false });
    first.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 20; i++) publisher.publish('t', `${i}`, { qos: 1 });
    const ids = first.messages.map((message) => message.packetId);
    first.ack(PacketType.Puback, ids[3]!);
    first.ack(PacketType.Puback, ids[0]!);
    first.hangUp();
    publisher.publish('t', '20', { qos: 1 });
    const second = broker.client('s', KEPT);
    const expected = ids.map((id, i) => [`${i}`, true, id]).filter((_, i) => i !== 0 && i !== 3);
    const got = second.messages.map(({ payload, dup, packetId }) => [payload, dup, packetId]);
    expect(got.slice(0, 18)).toEqual(expected);
    expect(got[18]?.slice(0, 2)).toEqual(['20', false]);
    expect(got).toHaveLength(19);
  });

  it('does not send again while the connection lasts [MQTT-4.4.0-1]', () => {
    const broker = new TestBroker();
    const client = broker.client('s', { autoAck: false });
    client.subscribe('t', 1);
    broker.client('p').publish('t', 'x', { qos: 1 });
    broker.advance(20_000);
    expect(client.take()).toEqual(['x']);
  });

  it('keeps packet ids of what is in flight apart from those of new messages', () => {
    const broker = new TestBroker();
    const first = broker.client('s', { ...KEPT, autoAck: false });
    first.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 40; i++) publisher.publish('t', `${i}`, { qos: 1 });
    first.hangUp();
    const second = broker.client('s', { ...KEPT, autoAck: false });
    for (let i = 40; i < 80; i++) publisher.publish('t', `${i}`, { qos: 1 });
    const ids = second.messages.map((message) => message.packetId);
    expect(new Set(ids).size).toBe(80);
    expect(second.take()).toEqual(Array.from({ length: 80 }, (_, i) => `${i}`));
  });

  it('ignores an acknowledgement of what is not in flight', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.ack(PacketType.Puback, 77);
    expect(client.closed).toBe(false);
  });

  it('refuses an acknowledgement of the wrong kind', () => {
    const broker = new TestBroker();
    const client = broker.client('s', { autoAck: false });
    client.subscribe('t', 1);
    broker.client('p').publish('t', 'x', { qos: 1 });
    client.ack(PacketType.Pubcomp, client.messages[0]!.packetId);
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
  });

  it('delivers a PUBLISH that is sent again with DUP once more, without DUP [MQTT-3.3.1-3]', () => {
    const broker = new TestBroker();
    const subscriber = broker.client('s');
    subscriber.subscribe('t', 1);
    const publisher = broker.client('p');
    publisher.publish('t', 'x', { qos: 1, packetId: 9 });
    publisher.publish('t', 'x', { qos: 1, packetId: 9, dup: true });
    expect(publisher.all('puback')).toHaveLength(2);
    expect(subscriber.messages.map((message) => message.dup)).toEqual([false, false]);
  });

  it('answers in the order of the PUBLISH packets [MQTT-4.6.0-2]', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    const packets = [5, 3, 9, 1].map((packetId) => publishPacket(5, 't', 'x', { qos: 1, packetId }));
    publisher.send(...packets);
    expect(publisher.all('puback').map((ack) => ack.packetId)).toEqual([5, 3, 9, 1]);
  });

  it('goes on through more messages than there are packet ids', () => {
    const broker = new TestBroker();
    const client = broker.client('s', { version: 4 });
    client.subscribe('t', 1);
    const publisher = broker.client('p', { version: 4 });
    const batch = Array.from({ length: 500 }, (_, i) => publishPacket(4, 't', 'x', { qos: 1, packetId: i + 1 }));
    for (let i = 0; i < 140; i++) publisher.send(...batch);
    expect(client.messages).toHaveLength(70_000);
    expect(client.messages.every((message) => message.packetId > 0)).toBe(true);
    expect(broker.session('s')?.state.inFlight).toBe(0);
  });
});
