import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('connecting', () => {
  it.each([4, 5] as const)('answers CONNECT with one CONNACK and knows the client (v%i)', (version) => {
    const broker = new TestBroker();
    const client = broker.client('a', { version });
    expect(client.packets.map((packet) => packet.on)).toEqual(['connack']);
    expect(client.sessionPresent).toBe(false);
    expect(broker.registered('a')?.version).toBe(version);
  });

  it('tells a v5 client what it may do', () => {
    const broker = new TestBroker({ maxInFlight: 7, maxPacketBytes: 5000, maxSessionExpiryS: 60 });
    const client = broker.client('a', { properties: { sessionExpiryIntervalS: 3600 } });
    expect(client.all('connack')[0]?.packet.properties).toEqual({
      sessionExpiryIntervalS: 60,
      receiveMaximum: 7,
      maximumPacketSizeBytes: 5000,
      topicAliasMaximum: 64,
    });
  });

  it('assigns a client id to a client without one, and says so on v5 [MQTT-3.1.3-6] [MQTT-3.2.2-16]', () => {
    const broker = new TestBroker();
    const v5 = broker.client('');
    expect(v5.all('connack')[0]?.packet.properties.assignedClientIdentifier).toBe('assigned-1');
    expect(broker.registered('assigned-1')).not.toBeNull();
    broker.client('', { version: 4 });
    expect(broker.registered('assigned-2')?.version).toBe(4);
  });

  it('answers PINGREQ with PINGRESP [MQTT-3.12.4-1]', () => {
    const client = new TestBroker().client('a');
    client.ping();
    expect(client.all('pingresp')).toHaveLength(1);
  });

  it('closes at a DISCONNECT and says nothing more [MQTT-3.14.4-2]', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.disconnect();
    expect(client.closed).toBe(true);
    expect(client.disconnectReason).toBeNull();
    expect(broker.registered('a')).toBeNull();
    expect(broker.broker.counters.closed.get('client_disconnect')).toBe(1);
  });

  it('sends the reason of a takeover to v5 only, 3.1.1 has no DISCONNECT from a server', () => {
    const broker = new TestBroker();
    const [old4, old5] = [broker.client('a', { version: 4 }), broker.client('b')];
    broker.client('a');
    broker.client('b');
    expect([old4.disconnectReason, old5.disconnectReason]).toEqual([null, Reason.SessionTakenOver]);
  });
});
