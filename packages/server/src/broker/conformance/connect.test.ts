import { encodeConnect, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket, will } from '../../testing/packets.ts';
import { TestBroker } from '../../testing/test-broker.ts';
import type { AuthResult } from '../ports.ts';

// §3.1 CONNECT and §3.2 CONNACK.

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
const keptOf = (version: 4 | 5) => (version === 5 ? KEPT : { cleanStart: false });

describe('a CONNECT', () => {
  it.each([
    [4, 1],
    [5, Reason.UnsupportedProtocolVersion],
  ] as const)('with another protocol name is told so and closed (v%i) [MQTT-3.1.2-1]', (version, code) => {
    const broker = new TestBroker();
    const client = broker.stranger('a', { version });
    broker.accept(client);
    const bytes = encodeConnect(connectPacket(version, 'a'));
    bytes[5] = 'X'.charCodeAt(0);
    client.send(bytes);
    expect(client.connackReason).toBe(code);
    expect(client.closed).toBe(true);
    expect(broker.registered('a')).toBeNull();
  });

  it.each([4, 5] as const)('may have any id of 1 to 23 letters and digits (v%i) [MQTT-3.1.3-5]', (version) => {
    const broker = new TestBroker();
    const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    for (let length = 1; length <= 23; length++) {
      for (let start = 0; start < characters.length; start += 23) {
        const id = (characters + characters).slice(start, start + length);
        expect(broker.connect(id, { version }).connackReason).toBe(0);
      }
    }
  });

  it('with an empty id gets one that no session has [MQTT-3.2.2-16]', () => {
    const broker = new TestBroker();
    const ids = Array.from({ length: 20 }, () => broker.client('', KEPT)).map(
      (client) => client.all('connack')[0]?.packet.properties.assignedClientIdentifier,
    );
    expect(new Set(ids).size).toBe(20);
    expect(broker.broker.sessions.size).toBe(20);
  });

  it.each([4, 5] as const)('finds the session of its client id and no other (v%i) [MQTT-3.1.3-2]', (version) => {
    const broker = new TestBroker();
    for (const id of ['a', 'A', 'a ', 'ä']) broker.client(id, { version, ...keptOf(version) }).subscribe(`t/${id}`);
    for (const id of ['a', 'A', 'a ', 'ä']) {
      expect(broker.client(id, { version, ...keptOf(version) }).sessionPresent).toBe(true);
      expect([...broker.session(id)!.state.subscriptions.keys()]).toEqual([`t/${id}`]);
    }
  });

  it.each([4, 5] as const)('without a session to go on with starts one (v%i) [MQTT-3.1.2-6]', (version) => {
    const broker = new TestBroker();
    const client = broker.client('a', { version, ...keptOf(version) });
    expect(client.sessionPresent).toBe(false);
    client.subscribe('t', 1);
    client.hangUp();
    expect(broker.client('a', { version, ...keptOf(version) }).sessionPresent).toBe(true);
  });

  it.each([4, 5] as const)('with a clean start has nothing of the session before (v%i) [MQTT-3.1.2-4]', (version) => {
    const broker = new TestBroker();
    const first = broker.client('a', { version, ...keptOf(version), autoAck: false });
    first.subscribe('t', 2);
    const publisher = broker.client('p');
    for (const qos of [1, 2] as const) publisher.publish('t', 'in flight', { qos });
    first.hangUp();
    publisher.publish('t', 'queued', { qos: 1 });
    const second = broker.client('a', { version, cleanStart: true });
    expect(second.sessionPresent).toBe(false);
    publisher.publish('t', 'later', { qos: 1 });
    expect(second.packets.map((packet) => packet.on)).toEqual(['connack']);
    // Nor is anything of it left elsewhere.
    expect(broker.broker.realms.find('default')?.subscriptions).toBe(0);
    expect(broker.broker.sessions.size).toBe(2);
    expect(broker.broker.context.queuedBytes.total).toBe(0);
  });
});

describe('a CONNACK', () => {
  it.each([4, 5] as const)('comes before anything that a session was waiting for (v%i) [MQTT-3.2.0-1]', (version) => {
    const broker = new TestBroker();
    const away = broker.client('a', { version, ...keptOf(version), autoAck: false });
    away.subscribe('t', 2);
    const publisher = broker.client('p');
    publisher.publish('t', 'in flight', { qos: 2 });
    away.hangUp();
    publisher.publish('t', 'queued', { qos: 1 });
    const back = broker.client('a', { version, ...keptOf(version), autoAck: false });
    expect(back.packets.map((packet) => packet.on)).toEqual(['connack', 'publish', 'publish']);
  });

  it.each([4, 5] as const)('that refuses never says that there is a session (v%i) [MQTT-3.2.2-6]', (version) => {
    let answer: AuthResult = { realm: 'default', username: null };
    const broker = new TestBroker({ authenticator: { authenticate: () => answer } });
    broker.client('a', { version, ...keptOf(version) }).hangUp();
    answer = 'not_authorized';
    const refused = broker.connect('a', { version, ...keptOf(version) });
    expect(refused.connackReason).not.toBe(0);
    expect(refused.sessionPresent).toBe(false);
    expect(refused.closed).toBe(true);
    answer = { realm: 'default', username: null };
    expect(broker.client('a', { version, ...keptOf(version) }).sessionPresent).toBe(true);
  });

  it('has no authentication method when the CONNECT had none, and no AUTH comes [MQTT-4.12.0-6]', () => {
    const client = new TestBroker().client('a', { username: 'u', password: Buffer.from('p') });
    const [connack] = client.all('connack');
    expect(connack?.packet.properties.authenticationMethod).toBeUndefined();
    expect(connack?.packet.properties.authenticationData).toBeUndefined();
    expect(client.all('auth')).toEqual([]);
  });

  it('names no maximum QoS and takes retained messages: all are there [MQTT-3.2.2-9]', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    expect(client.all('connack')[0]?.packet.properties).not.toHaveProperty('maximumQos');
    expect(client.all('connack')[0]?.packet.properties).not.toHaveProperty('retainAvailable');
    client.subscribe('t', 2);
    broker.client('p').publish('t', 'x', { qos: 2, retain: true });
    expect(client.messages).toMatchObject([{ qos: 2 }]);
  });
});

describe('a will', () => {
  it.each([
    [4, 0],
    [4, 1],
    [4, 2],
    [5, 0],
    [5, 1],
    [5, 2],
  ] as const)('is taken and published at its QoS (v%i, QoS %i) [MQTT-3.1.2-12] [MQTT-3.2.2-12]', (version, qos) => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will', 2);
    broker.client('a', { version, will: will('will', 'x', { qos }) }).hangUp();
    expect(watcher.messages).toMatchObject([{ payload: 'x', qos }]);
  });

  it.each([4, 5] as const)('without will retain is not retained (v%i) [MQTT-3.1.2-14]', (version) => {
    const broker = new TestBroker();
    broker.client('p').publish('will', 'before', { retain: true });
    broker.client('a', { version, will: will('will', 'x', { qos: 1 }) }).hangUp();
    const late = broker.client('late');
    late.subscribe('will');
    expect(late.take()).toEqual(['before']);
  });

  it.each([4, 5] as const)('that is not there is not published (v%i) [MQTT-3.1.2-12] of 3.1.1', (version) => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('#', 2);
    broker.client('a', { version, will: null }).hangUp();
    broker.client('a', { version, will: null }).disconnect(version === 5 ? Reason.DisconnectWithWill : 0);
    expect(watcher.take()).toEqual([]);
  });

  it('of an earlier connection does not come back with the session [MQTT-3.1.2-10]', () => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will');
    broker.client('a', { ...KEPT, will: will('will', 'x') }).disconnect();
    broker.client('a', KEPT).hangUp();
    expect(watcher.take()).toEqual([]);
  });

  it('has its user properties in their order [MQTT-3.1.3-10]', () => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will');
    const userProperties = [
      ['b', '1'],
      ['a', '2'],
      ['b', '1'],
      ['a', ''],
    ] as const;
    broker.client('a', { will: will('will', 'x', { properties: { userProperties: [...userProperties] } }) }).hangUp();
    expect(watcher.messages[0]?.properties.userProperties).toEqual(userProperties);
  });
});
