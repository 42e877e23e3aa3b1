import { encodeConnect, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket, will } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';
import type { AuthResult } from './ports.ts';

const refusing = (result: AuthResult) => new TestBroker({ authenticator: { authenticate: () => result } });

describe('a CONNECT that is refused', () => {
  it.each([
    ['bad_credentials', 4, 4],
    ['bad_credentials', 5, Reason.BadUserNameOrPassword],
    ['not_authorized', 4, 5],
    ['not_authorized', 5, Reason.NotAuthorized],
  ] as const)('%s on v%i gets CONNACK %i, is closed and counted [MQTT-3.2.2-7]', (result, version, code) => {
    const broker = refusing(result);
    const client = broker.connect('a', { version, username: 'u' });
    expect(client.packets.map((packet) => packet.on)).toEqual(['connack']);
    expect(client.connackReason).toBe(code);
    expect(client.sessionPresent).toBe(false);
    expect(client.closed).toBe(true);
    expect(broker.registered('a')).toBeNull();
    expect(broker.session('a')).toBeNull();
    expect(broker.broker.counters.refused.get(result)).toBe(1);
  });

  it('refuses an authentication method, as none is configured [MQTT-4.12.0-1]', () => {
    const client = new TestBroker().connect('a', { properties: { authenticationMethod: 'SCRAM' } });
    expect(client.connackReason).toBe(Reason.BadAuthenticationMethod);
    expect(client.closed).toBe(true);
  });

  it('refuses an empty client id without clean session on 3.1.1 with code 2 [MQTT-3.1.3-8]', () => {
    const client = new TestBroker().connect('', { version: 4, cleanStart: false });
    expect(client.connackReason).toBe(2);
    expect(client.closed).toBe(true);
  });

  it.each([
    ['MQTT level 6', 5, 6, Reason.UnsupportedProtocolVersion],
    ['MQTT level 3', 4, 3, 1],
    ['MQTT level 0x84, a bridge', 4, 0x84, 1],
  ] as const)('tells a client that it does not speak %s [MQTT-3.1.2-2]', (_, version, level, code) => {
    const broker = new TestBroker();
    const client = broker.stranger('a', { version });
    broker.accept(client);
    const bytes = encodeConnect(connectPacket(4, 'a'));
    bytes[8] = level;
    client.send(bytes);
    expect(client.connackReason).toBe(code);
    expect(client.closed).toBe(true);
    expect(broker.broker.counters.refused.get('unsupported_protocol')).toBe(1);
  });

  it('closes without a word when the first packet is no CONNECT [MQTT-3.1.0-1]', () => {
    const broker = new TestBroker();
    const client = broker.stranger('a');
    broker.accept(client);
    client.ping();
    expect(client.bytesReceived).toBe(0);
    expect(client.closed).toBe(true);
  });

  it('answers a malformed v5 CONNECT by a CONNACK with the reason [MQTT-3.1.4-1]', () => {
    const broker = new TestBroker();
    const client = broker.stranger('a');
    broker.accept(client);
    const bytes = encodeConnect(connectPacket(5, 'a'));
    bytes[9]! |= 1;
    client.send(bytes);
    expect(client.connackReason).toBe(Reason.MalformedPacket);
    expect(client.closed).toBe(true);
  });

  it('closes at a malformed 3.1.1 CONNECT, which has no code for it', () => {
    const broker = new TestBroker();
    const client = broker.stranger('a', { version: 4 });
    broker.accept(client);
    const bytes = encodeConnect(connectPacket(4, 'a'));
    bytes[9]! |= 1;
    client.send(bytes);
    expect(client.bytesReceived).toBe(0);
    expect(client.closed).toBe(true);
  });

  it.each([
    [4, 5],
    [5, Reason.NotAuthorized],
  ] as const)('refuses a will on a $ topic: nobody but the node publishes there (v%i)', (version, code) => {
    const broker = new TestBroker();
    const client = broker.connect('a', { version, will: will('$SYS/fake', 'x') });
    expect(client.connackReason).toBe(code);
    expect(client.closed).toBe(true);
  });

  it('handles nothing that came along with it', () => {
    const broker = refusing('not_authorized');
    const watcher = broker.stranger('w');
    broker.accept(watcher);
    watcher.send(encodeConnect(connectPacket(5, 'w')), Uint8Array.of(0xc0, 0));
    expect(watcher.packets.map((packet) => packet.on)).toEqual(['connack']);
  });

  it('refuses a second CONNECT as a protocol error [MQTT-3.1.0-2]', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.send(encodeConnect(connectPacket(5, 'a')));
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
    expect(client.closed).toBe(true);
    expect(broker.registered('a')).toBeNull();
  });
});

describe('credentials that cannot be checked now', () => {
  it('are refused so that the client may try again: 0x89, or 3 on 3.1.1', () => {
    const broker = new TestBroker({ authenticator: { authenticate: () => 'server_busy' as const } });
    expect(broker.connect('a').connackReason).toBe(0x89);
    expect(broker.connect('b', { version: 4 }).connackReason).toBe(3);
  });
});
