import { CLOSE_REASONS, type CloseReason, encodeAuth, encodeConnect, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket, publishPacket, will } from '../../testing/packets.ts';
import { TestBroker } from '../../testing/test-broker.ts';

// §3.12 to §3.15, §4.12 and §4.13: PINGREQ, DISCONNECT, AUTH, errors.

/** What can only be said in a CONNACK: nobody is connected yet. */
const BEFORE_CONNACK: ReadonlySet<string> = new Set(['bad_credentials', 'client_id_not_valid', 'unsupported_protocol']);
const SAYABLE = (Object.keys(CLOSE_REASONS) as CloseReason[]).filter(
  (reason) => CLOSE_REASONS[reason].mqttReason !== null && !BEFORE_CONNACK.has(reason),
);

describe('a DISCONNECT of ours', () => {
  it.each(SAYABLE)('for %s has a reason that it may have, and no session expiry [MQTT-3.14.2-1]', (reason) => {
    const broker = new TestBroker();
    // The client's decoder refuses what a server must not send [MQTT-3.14.2-2].
    const client = broker.client('a', { properties: { sessionExpiryIntervalS: 60 } });
    broker.registered('a')?.connection.close(reason, 'some detail');
    broker.settle();
    if (!client.closed) broker.advance(2500);
    const said = client.all('disconnect');
    expect(said).toHaveLength(1);
    expect(said[0]?.packet.reason).toBe(CLOSE_REASONS[reason].mqttReason);
    expect(client.closed).toBe(true);
  });

  it('is the last packet, whatever is published meanwhile, and the connection closes [MQTT-3.14.4-1]', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.subscribe('t', 2);
    client.transport.pace = 3;
    broker.client('p').publish('t', 'before', { qos: 1 });
    broker.registered('a')?.connection.close('kicked');
    for (const qos of [0, 1, 2] as const) broker.client('p').publish('t', 'after', { qos });
    client.ping();
    expect(client.packets.at(-1)?.on).toBe('disconnect');
    expect(client.take()).toEqual(['before']);
    expect(client.closed).toBe(true);
  });

  it('never comes before a CONNACK [MQTT-3.14.0-1]', () => {
    const broker = new TestBroker({ connectTimeoutMs: 1000 });
    const silent = broker.stranger('a');
    broker.accept(silent);
    broker.advance(2000);
    const talkative = broker.stranger('b');
    broker.accept(talkative);
    talkative.send(publishPacket(5, 't', 'x'));
    const malformed = broker.stranger('c');
    broker.accept(malformed);
    malformed.send(Uint8Array.of(0x10, 2, 0, 4));
    for (const client of [silent, talkative, malformed]) {
      expect(client.closed).toBe(true);
      expect(client.all('disconnect')).toEqual([]);
    }
  });
});

describe('a DISCONNECT of a client', () => {
  it('with reserved bits is malformed, and the will goes out [MQTT-3.14.1-1]', () => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will');
    const client = broker.client('a', { will: will('will', 'x') });
    client.send(Uint8Array.of(0xe1, 0));
    expect(client.disconnectReason).toBe(Reason.MalformedPacket);
    expect(client.closed).toBe(true);
    expect(watcher.take()).toEqual(['x']);
  });

  it.each([4, 5] as const)('ends everything: what it sends after it has no effect (v%i)', (version) => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('t');
    const client = broker.client('a', { version });
    client.send(Uint8Array.of(0xe0, 0), publishPacket(version, 't', 'x'), Uint8Array.of(0xc0, 0));
    expect(watcher.take()).toEqual([]);
    expect(client.packets.map((packet) => packet.on)).toEqual(['connack']);
    expect(client.closed).toBe(true);
  });
});

describe('an AUTH', () => {
  it.each([0x18, 0x19])('with reason %i and no method agreed on ends the connection [MQTT-4.12.0-7]', (reason) => {
    const client = new TestBroker().client('a');
    client.send(encodeAuth(reason, { authenticationMethod: 'SCRAM' }));
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
    expect(client.all('auth')).toEqual([]);
    expect(client.closed).toBe(true);
  });

  it('with reserved flags is malformed [MQTT-3.15.1-1]', () => {
    const client = new TestBroker().client('a');
    client.send(Uint8Array.of(0xf1, 0));
    expect(client.disconnectReason).toBe(Reason.MalformedPacket);
    expect(client.closed).toBe(true);
  });

  it('never comes from us: a method is refused at once, with what came along [MQTT-4.12.0-4]', () => {
    const broker = new TestBroker();
    const client = broker.stranger('a');
    broker.accept(client);
    const properties = { authenticationMethod: 'SCRAM', authenticationData: Uint8Array.of(1) };
    const auth = encodeAuth(Reason.ContinueAuthentication, { authenticationMethod: 'SCRAM' });
    client.send(encodeConnect(connectPacket(5, 'a', { properties })), auth);
    expect(client.packets.map((packet) => packet.on)).toEqual(['connack']);
    expect(client.connackReason).toBe(Reason.BadAuthenticationMethod);
    expect(client.closed).toBe(true);
  });
});

describe('a PINGREQ', () => {
  it.each([4, 5] as const)('is answered each time (v%i) [MQTT-3.12.4-1]', (version) => {
    const client = new TestBroker().client('a', { version });
    for (let i = 0; i < 3; i++) client.ping();
    client.send(Uint8Array.of(0xc0, 0, 0xc0, 0));
    expect(client.all('pingresp')).toHaveLength(5);
  });
});

describe('a fault of ours while a packet is handled', () => {
  it('closes the connection that it came on, and no other [MQTT-4.8.0-2] of 3.1.1', () => {
    const broker = new TestBroker();
    const [faulty, other] = [broker.client('a', { version: 4 }), broker.client('b')];
    broker.registered('a')!.session.subscribe = () => {
      throw new Error('a fault');
    };
    expect(() => faulty.subscribe('t')).toThrow('a fault');
    broker.settle();
    expect(faulty.closed).toBe(true);
    expect(broker.broker.counters.closed.get('internal_error')).toBe(1);
    other.ping();
    expect(other.all('pingresp')).toHaveLength(1);
  });
});
