import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('a node with maxClients clients', () => {
  const full = () => {
    const broker = new TestBroker({ maxClients: 2 });
    return { broker, clients: [broker.client('a'), broker.client('b')] };
  };

  it.each([
    [4, 3],
    [5, Reason.QuotaExceeded],
  ] as const)('refuses a further one (v%i) by CONNACK %i, counts it, and disturbs nobody', (version, code) => {
    const { broker, clients } = full();
    const refused = broker.connect('c', { version });
    expect(refused.connackReason).toBe(code);
    expect(refused.closed).toBe(true);
    expect(broker.broker.counters.refused.get('server_full')).toBe(1);
    expect(broker.session('c')).toBeNull();
    for (const client of clients) client.ping();
    expect(clients.map((client) => client.all('pingresp').length)).toEqual([1, 1]);
  });

  it('lets a connected client id take over or update itself', () => {
    const { broker, clients } = full();
    const properties = { userProperties: [['endpoint', 'https://a.example/'] as const] };
    const again = broker.client('a', { properties: { userProperties: [...properties.userProperties] } });
    expect(again.closed).toBe(false);
    expect(clients[0]?.disconnectReason).toBe(Reason.SessionTakenOver);
    expect(broker.registered('a')?.endpoint).toBe('https://a.example/');
    expect(broker.broker.clients.count()).toBe(2);
  });

  it('does not count the same client id of another realm as connected', () => {
    const broker = new TestBroker({
      maxClients: 1,
      authenticator: { authenticate: (username) => ({ realm: username!, username }) },
    });
    broker.client('a', { username: 'red' });
    expect(broker.connect('a', { username: 'blue' }).connackReason).toBe(Reason.QuotaExceeded);
  });

  it('has room again as soon as one is gone', () => {
    const { broker, clients } = full();
    clients[0]?.hangUp();
    expect(broker.connect('c').connackReason).toBe(0);
    expect(broker.connect('d').connackReason).toBe(Reason.QuotaExceeded);
  });
});
