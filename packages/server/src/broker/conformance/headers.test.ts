import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../../testing/test-broker.ts';

// Chapter 2: fixed headers and packet identifiers.

/** Every packet type that a client may send after its CONNECT, with the flags that it must have. */
const FLAGS: readonly [name: string, type: number, flags: number][] = [
  ['PUBACK', PacketType.Puback, 0],
  ['PUBREC', PacketType.Pubrec, 0],
  ['PUBREL', PacketType.Pubrel, 2],
  ['PUBCOMP', PacketType.Pubcomp, 0],
  ['SUBSCRIBE', PacketType.Subscribe, 2],
  ['UNSUBSCRIBE', PacketType.Unsubscribe, 2],
  ['PINGREQ', PacketType.Pingreq, 0],
  ['DISCONNECT', PacketType.Disconnect, 0],
];

describe('reserved flags', () => {
  it.each(FLAGS)('of %s other than the listed ones end the connection [MQTT-2.1.3-1]', (_, type, right) => {
    const broker = new TestBroker();
    for (let flags = 0; flags < 16; flags++) {
      if (flags === right) continue;
      const [v4, v5] = [broker.client('v4', { version: 4 }), broker.client('v5')];
      for (const client of [v4, v5]) client.send(Uint8Array.of((type << 4) | flags, 0));
      expect([v4.closed, v5.closed]).toEqual([true, true]);
      expect(v5.disconnectReason).toBe(Reason.MalformedPacket);
    }
  });
});

describe('packet identifiers', () => {
  it.each([4, 5] as const)('of 0 end the connection (v%i) [MQTT-2.3.1-1] of 3.1.1', (version) => {
    const broker = new TestBroker();
    const properties = version === 5 ? [0] : [];
    for (const packet of [
      [0x82, 6 + properties.length, 0, 0, ...properties, 0, 1, 0x61, 0],
      [0xa2, 5 + properties.length, 0, 0, ...properties, 0, 1, 0x61],
      [0x32, 5 + properties.length, 0, 1, 0x61, 0, 0, ...properties],
      [0x34, 5 + properties.length, 0, 1, 0x61, 0, 0, ...properties],
    ]) {
      const client = broker.client('a', { version });
      client.send(Uint8Array.from(packet));
      expect(client.closed).toBe(true);
    }
  });

  it.each([4, 5] as const)('of our acknowledgements are those of the packets (v%i) [MQTT-2.2.1-5]', (version) => {
    const broker = new TestBroker();
    const client = broker.client('a', { version });
    for (const packetId of [1, 255, 256, 65_535]) {
      client.publish('t', 'x', { qos: 1, packetId });
      client.publish('t', 'x', { qos: 2, packetId });
    }
    const ids = [1, 255, 256, 65_535];
    for (const on of ['puback', 'pubrec', 'pubcomp'] as const) {
      expect(client.all(on).map((packet) => packet.packetId)).toEqual(ids);
    }
  });

  it.each([4, 5] as const)('of SUBACK and UNSUBACK are those of the requests (v%i) [MQTT-2.2.1-6]', (version) => {
    const client = new TestBroker().client('a', { version });
    for (let i = 0; i < 3; i++) {
      client.subscribe(`t/${i}`);
      client.unsubscribe(`t/${i}`);
    }
    expect(client.all('suback').map(({ packet }) => packet.packetId)).toEqual([1, 3, 5]);
    expect(client.all('unsuback').map(({ packet }) => packet.packetId)).toEqual([2, 4, 6]);
  });

  it.each([4, 5] as const)('are not in what we send at QoS 0, and DUP is not set (v%i) [MQTT-4.3.1-1]', (version) => {
    const broker = new TestBroker();
    const client = broker.client('a', { version });
    client.subscribe('t', 2);
    const before = client.bytesReceived;
    broker.client('p').publish('t', 'x');
    // Two bytes of fixed header, three of topic, one of payload, and in 5.0 the length of no properties.
    expect(client.bytesReceived - before).toBe(version === 5 ? 7 : 6);
    expect(client.messages).toMatchObject([{ qos: 0, dup: false, payload: 'x' }]);
  });
});
