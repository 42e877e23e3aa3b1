import { encodeConnect, Reason } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectPacket, publishPacket } from '../testing/packets.ts';
import { seeded } from '../testing/seed.ts';
import { TestBroker } from '../testing/test-broker.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const raised = (packet: Uint8Array, at: number, value: number) => {
  packet[at] = value;
  return packet;
};

describe('bad input after the CONNECT', () => {
  it.each([
    ['an unknown packet type', bytes(0x00, 0), Reason.MalformedPacket],
    ['QoS 3 [MQTT-3.3.1-4]', bytes(0x36, 5, 0, 1, 0x61, 0, 1), Reason.MalformedPacket],
    ['a remaining length of five bytes', bytes(0x30, 0xff, 0xff, 0xff, 0xff, 1), Reason.MalformedPacket],
    ['wrong flags of SUBSCRIBE [MQTT-3.8.1-1]', bytes(0x80, 0), Reason.MalformedPacket],
    ['SUBSCRIBE without a filter [MQTT-3.8.3-2]', bytes(0x82, 3, 0, 1, 0), Reason.ProtocolError],
    ['a packet only servers send', bytes(0x90, 0), Reason.ProtocolError],
    ['a topic with a wildcard [MQTT-3.3.2-2]', publishPacket(5, 'a/#', 'x'), Reason.TopicNameInvalid],
    ['a topic that is no UTF-8 [MQTT-1.5.4-1]', raised(publishPacket(5, 'abc', 'x'), 5, 0xff), Reason.MalformedPacket],
    ['a topic alias above our maximum', publishPacket(5, 't', 'x', { properties: { topicAlias: 65 } }), 0x94],
    ['a topic alias that was never set', publishPacket(5, '', 'x', { properties: { topicAlias: 7 } }), 0x94],
    ['packet identifier 0 [MQTT-2.2.1-3]', publishPacket(5, 't', 'x', { qos: 1 }), Reason.ProtocolError],
    ['AUTH without a method [MQTT-4.12.1-1]', bytes(0xf0, 2, 0x18, 0), Reason.ProtocolError],
  ])('%s: v5 is told why, then closed', (_, packet, reason) => {
    const broker = new TestBroker();
    const [client, other] = [broker.client('a'), broker.client('b')];
    other.subscribe('t', 1);
    client.send(publishPacket(5, 't', 'before'), packet, publishPacket(5, 't', 'after'));
    expect(client.disconnectReason).toBe(reason);
    expect(client.closed).toBe(true);
    expect(other.take()).toEqual(['before']);
    expect(other.closed).toBe(false);
    expect(broker.registered('a')).toBeNull();
  });

  it.each([
    ['an unknown packet type', bytes(0x00, 0)],
    ['AUTH, which 3.1.1 has not', bytes(0xf0, 0)],
    ['a topic with a wildcard [MQTT-3.3.2-2]', publishPacket(4, 'a/+', 'x')],
    ['an empty topic [MQTT-4.7.3-1]', publishPacket(4, '', 'x')],
  ])('%s: 3.1.1 is closed without a word [MQTT-4.8.0-1]', (_, packet) => {
    const broker = new TestBroker();
    const client = broker.client('a', { version: 4 });
    const before = client.bytesReceived;
    client.send(packet);
    expect(client.closed).toBe(true);
    expect(client.bytesReceived).toBe(before);
  });

  it('gives no reason string to a client whose maximum packet size has no room for it [MQTT-3.14.2-3]', () => {
    const broker = new TestBroker();
    const client = broker.client('a', { properties: { maximumPacketSizeBytes: 20 } });
    client.send(publishPacket(5, 'a/#', 'x'));
    expect(client.disconnectReason).toBe(Reason.TopicNameInvalid);
    expect(client.all('disconnect')[0]?.packet.properties).toEqual({});
    const roomy = broker.client('b');
    roomy.send(publishPacket(5, 'a/#', 'x'));
    expect(roomy.all('disconnect')[0]?.packet.properties.reasonString).toMatch(/wildcard/);
  });

  it('whatever it is, ends that connection at most: never the broker, nor anyone else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 5 as const),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 5 }),
        fc.boolean(),
        (version, chunks, connected) => {
          const broker = new TestBroker();
          const witness = broker.client('witness');
          const client = broker.stranger('a', { version });
          broker.accept(client);
          if (connected) client.send(encodeConnect(connectPacket(version, 'a')));
          for (const chunk of chunks) client.send(chunk);
          witness.ping();
          expect(witness.all('pingresp')).toHaveLength(1);
          client.hangUp();
          expect(broker.broker.connections).toBe(1);
          expect(broker.broker.clients.count()).toBe(1);
        },
      ),
      seeded(300),
    );
  });
});
