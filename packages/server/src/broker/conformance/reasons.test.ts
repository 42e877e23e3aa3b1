import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { request } from '../../testing/packets.ts';
import { TestBroker } from '../../testing/test-broker.ts';
import type { TestClient } from '../../testing/test-client.ts';

// Reason codes, reason strings and user properties in our answers: §3.2, §3.4 to §3.7, §3.9, §3.11, §3.14.

/** Does something in each of the ways that are refused, and for some that are not. */
function provoke(client: TestClient): void {
  client.subscribeAll([request('a', 1), request('a#', 0), request('b/#/c', 0)]);
  client.unsubscribe('a', 'none');
  for (const qos of [1, 2] as const) {
    client.publish('$SYS/x', 'x', { qos });
    client.publish('t', 'x', { qos });
  }
  client.ack(PacketType.Pubrel, 4711);
  client.ack(PacketType.Pubrec, 4712);
}

/** The properties of every packet that came after the CONNACK, by kind. */
function answers(client: TestClient): (readonly [on: string, properties: object | null])[] {
  return client.packets.slice(1).map((packet) => {
    if ('packet' in packet) return [packet.on, packet.packet.properties] as const;
    return [packet.on, 'properties' in packet ? packet.properties : null] as const;
  });
}

describe('our answers', () => {
  it('have reasons that packets of their kind may have [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1]', () => {
    // The client's decoder throws for any other.
    const client = new TestBroker().client('a', { autoAck: false });
    provoke(client);
    const reasons = (on: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp') => client.all(on).map(({ reason }) => reason);
    expect(reasons('puback')).toEqual([Reason.NotAuthorized, Reason.NoMatchingSubscribers]);
    expect(reasons('pubrec')).toEqual([Reason.NotAuthorized, Reason.NoMatchingSubscribers]);
    expect(reasons('pubcomp')).toEqual([Reason.PacketIdentifierNotFound]);
    expect(reasons('pubrel')).toEqual([Reason.PacketIdentifierNotFound]);
    expect(client.all('suback')[0]?.packet.reasons).toEqual([1, 0x8f, 0x8f]);
    expect(client.all('unsuback')[0]?.packet.reasons).toEqual([0, 0x11]);
  });

  it.each([true, false])('keep to the maximum packet size, strings wanted: %s [MQTT-3.4.2-2]', (wanted) => {
    for (const maximumPacketSizeBytes of [20, 24, 30, 40, 60, 1000]) {
      const properties = { maximumPacketSizeBytes, requestProblemInformation: wanted };
      const client = new TestBroker().client('a', { autoAck: false, properties });
      let before = client.bytesReceived;
      const steps: ((client: TestClient) => void)[] = [
        () => client.subscribeAll([request('a', 1), request('a#', 0), request('b/#/c', 0)]),
        () => client.unsubscribe('a', 'none'),
        () => client.publish('$SYS/x', 'x', { qos: 1 }),
        () => client.publish('$SYS/x', 'x', { qos: 2 }),
        () => client.ack(PacketType.Pubrel, 4711),
        () => client.ack(PacketType.Pubrec, 4712),
        () => client.publish('a/#', 'x'),
      ];
      const packets = steps.map((step) => {
        const count = client.packets.length;
        step(client);
        const size = client.bytesReceived - before;
        before = client.bytesReceived;
        expect(client.packets).toHaveLength(count + 1);
        return size;
      });
      expect(Math.max(...packets)).toBeLessThanOrEqual(maximumPacketSizeBytes);
      expect(client.disconnectReason).toBe(Reason.TopicNameInvalid);
    }
  });

  it('have reason strings only for a client that wants problem information [MQTT-3.1.2-29]', () => {
    for (const wanted of [true, false]) {
      const properties = { requestProblemInformation: wanted };
      const client = new TestBroker().client('a', { autoAck: false, properties });
      provoke(client);
      const explained = answers(client).filter(([, given]) => given !== null && 'reasonString' in given);
      expect(explained.length > 0).toBe(wanted);
    }
  });

  it('have no user properties [MQTT-3.4.2-3] [MQTT-3.9.2-2] [MQTT-3.14.2-4]', () => {
    const client = new TestBroker().client('a', { autoAck: false });
    provoke(client);
    client.publish('a/#', 'x');
    expect(client.closed).toBe(true);
    expect(client.all('connack')[0]?.packet.properties).not.toHaveProperty('userProperties');
    for (const [, given] of answers(client)) expect(given ?? {}).not.toHaveProperty('userProperties');
  });
});

describe('a CONNACK that refuses', () => {
  it.each([4, 5, 20, 30, 100])('is not larger than the %i bytes that the client takes [MQTT-3.1.2-24]', (most) => {
    const broker = new TestBroker({ maxClients: 1, serverReference: 'broker.example.org:1883' });
    broker.client('a');
    const properties = { maximumPacketSizeBytes: most };
    const full = broker.connect('b', { properties });
    expect(full.bytesReceived).toBeLessThanOrEqual(most);
    expect(full.closed).toBe(true);
    const method = broker.connect('b', { properties: { ...properties, authenticationMethod: 'SCRAM' } });
    expect(method.bytesReceived).toBe(most < 5 ? 0 : 5);
    expect(method.closed).toBe(true);
  });
});
