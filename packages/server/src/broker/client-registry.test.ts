import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const realms = {
  authenticator: { authenticate: (username: string | null) => ({ realm: username ?? 'default', username }) },
};
const at = (endpoint: string) => ({ properties: { userProperties: [['endpoint', endpoint] as [string, string]] } });

describe('the client registry', () => {
  it('knows what a client is and what it negotiated', () => {
    const broker = new TestBroker({ maxSessionExpiryS: 100, ...realms });
    broker.clock.advance(1000);
    broker.client('a', {
      username: 'red',
      address: '198.51.100.7',
      keepAliveS: 30,
      properties: {
        receiveMaximum: 10,
        maximumPacketSizeBytes: 5000,
        sessionExpiryIntervalS: 1000,
        topicAliasMaximum: 4,
        requestProblemInformation: false,
        userProperties: [['endpoint', 'https://a.example:8443/x']],
      },
    });
    const client = broker.registered('a', 'red');
    expect(client?.realm.name).toBe('red');
    expect(client?.username).toBe('red');
    expect(client?.connection.remoteAddress).toBe('198.51.100.7');
    expect(client?.connection.listener).toBe('memory');
    expect(client?.endpoint).toBe('https://a.example:8443/x');
    expect(client?.version).toBe(5);
    expect(client?.connectedSinceMs).toBe(broker.clock.wallMs());
    expect(client?.capabilities).toEqual({
      cleanStart: true,
      keepAliveS: 30,
      sessionExpiryS: 100,
      keepsSession: true,
      receiveMaximum: 10,
      maximumPacketBytes: 5000,
      topicAliasMaximum: 4,
      requestProblemInformation: false,
    });
  });

  it('counts bytes and messages in and out, and queue depths', () => {
    const broker = new TestBroker();
    const subscriber = broker.client('s', { autoAck: false, properties: { receiveMaximum: 1 } });
    subscriber.subscribe('t', 1);
    const publisher = broker.client('p');
    for (const qos of [0, 1, 1, 1] as const) publisher.publish('t', 'x', { qos });
    expect(broker.registered('p')?.messagesIn).toBe(4);
    expect(broker.registered('s')?.messagesOut).toBe(2);
    expect(broker.session('s')?.state).toMatchObject({ queuedMessages: 2, inFlight: 1 });
    expect(broker.registered('s')?.connection.outbound.bytesOut).toBe(subscriber.bytesReceived);
    expect(broker.registered('p')?.connection.bytesIn).toBeGreaterThan(40);
    expect(broker.broker.counters.messagesIn).toEqual([1, 3, 0]);
    expect(broker.broker.counters.messagesOut).toEqual([1, 1, 0]);
    expect(broker.broker.bytesOut).toBe(subscriber.bytesReceived + publisher.bytesReceived);
  });

  it('finds by realm and client id, by endpoint, and lists ids', () => {
    const broker = new TestBroker(realms);
    broker.client('a', { username: 'red', ...at('https://one.example/') });
    broker.client('b', { username: 'red', ...at('https://one.example/') });
    broker.client('a', { username: 'blue' });
    const { clients } = broker.broker;
    expect(clients.count()).toBe(3);
    expect(clients.count('red')).toBe(2);
    expect(clients.count('none')).toBe(0);
    expect(clients.clientIds('red')).toEqual(['a', 'b']);
    expect(clients.find('blue', 'a')?.realm.name).toBe('blue');
    expect(clients.find('blue', 'b')).toBeNull();
    expect(clients.isAlive('red', 'b')).toBe(true);
    expect(clients.isAlive('blue', 'b')).toBe(false);
    expect(clients.findByEndpoint('https://one.example/').map((client) => client.clientId)).toEqual(['a', 'b']);
    expect(clients.findByEndpoint('https://two.example/')).toEqual([]);
  });

  it.each(['no url', '', `https://x.example/${'x'.repeat(3000)}`])('takes no endpoint from %.20j', (endpoint) => {
    const broker = new TestBroker();
    broker.client('a', at(endpoint));
    expect(broker.registered('a')?.endpoint).toBeNull();
  });

  it('lists in pages that stay true while clients come and go', () => {
    const broker = new TestBroker(realms);
    for (let i = 0; i < 10; i++) broker.client(`c${i}`, { username: i % 2 === 0 ? 'red' : 'blue' });
    const { clients } = broker.broker;
    const ids = (page: ReturnType<typeof clients.list>) => page.clients.map((client) => client.clientId);
    const first = clients.list({ realm: 'red', limit: 2 });
    expect(ids(first)).toEqual(['c0', 'c2']);
    clients.kick('red', 'c2');
    clients.kick('red', 'c4');
    broker.client('late', { username: 'red' });
    const second = clients.list({ realm: 'red', limit: 2, after: first.next! });
    expect(ids(second)).toEqual(['c6', 'c8']);
    const third = clients.list({ realm: 'red', limit: 2, after: second.next! });
    expect(ids(third)).toEqual(['late']);
    expect(third.next).toBeNull();
    expect(clients.list({ limit: 8 }).next).not.toBeNull();
    expect(clients.list({ limit: 9 }).next).toBeNull();
  });

  it('lists by endpoint, within a realm', () => {
    const broker = new TestBroker(realms);
    broker.client('a', { username: 'red', ...at('https://one.example/') });
    broker.client('b', { username: 'blue', ...at('https://one.example/') });
    const { clients } = broker.broker.clients.list({ realm: 'blue', endpoint: 'https://one.example/', limit: 10 });
    expect(clients.map((client) => client.clientId)).toEqual(['b']);
  });

  it('kicks: v5 hears 0x98, the session goes on as its expiry says', () => {
    const broker = new TestBroker();
    const client = broker.client('a', { properties: { sessionExpiryIntervalS: 60 } });
    expect(broker.broker.clients.kick('default', 'a')).toBe(true);
    broker.settle();
    expect(client.disconnectReason).toBe(0x98);
    expect(client.closed).toBe(true);
    expect(broker.session('a')).not.toBeNull();
    expect(broker.broker.clients.kick('default', 'a')).toBe(false);
  });

  it.each([
    ['a DISCONNECT', (broker: TestBroker, id: string) => broker.connect(id).disconnect()],
    ['a broken connection', (broker: TestBroker, id: string) => broker.connect(id).hangUp()],
    ['a kick', (broker: TestBroker, id: string) => broker.broker.clients.kick('default', id)],
    ['a protocol error', (broker: TestBroker, id: string) => broker.connect(id).send(Uint8Array.of(0xff, 0))],
    ['a takeover', (broker: TestBroker, id: string) => broker.connect(id).disconnect()],
    [
      'a failed write',
      (broker: TestBroker, id: string) => {
        const client = broker.connect(id, at('https://one.example/'));
        client.transport.failWrites = true;
        client.ping();
      },
    ],
  ])('is clean in every index after %s', (_, end) => {
    const broker = new TestBroker();
    broker.client('other');
    broker.client('a', at('https://one.example/'));
    end(broker, 'a');
    broker.settle();
    const { clients } = broker.broker;
    expect(clients.count()).toBe(1);
    expect(clients.find('default', 'a')).toBeNull();
    expect(clients.findByEndpoint('https://one.example/')).toEqual([]);
    expect(clients.clientIds('default')).toEqual(['other']);
    expect([...clients.all()].map((client) => client.clientId)).toEqual(['other']);
    expect(broker.broker.connections).toBe(1);
  });
});
