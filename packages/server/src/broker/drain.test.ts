import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('a drain', () => {
  it('tells v5 clients 0x8B, closes all, and lets what is on its way go first', () => {
    const broker = new TestBroker();
    const [v5, v4] = [broker.client('a'), broker.client('b', { version: 4 })];
    for (const client of [v5, v4]) client.subscribe('t');
    for (const client of [v5, v4]) client.transport.pace = 100;
    const { broker: core } = broker;
    core.context.router.publish(core.realms.get('default'), broker.message('t', 'x'.repeat(20_000)), null);
    core.drain();
    broker.settle();
    expect(v5.messages[0]?.payload).toHaveLength(20_000);
    expect(v4.messages[0]?.payload).toHaveLength(20_000);
    expect(v5.disconnectReason).toBe(Reason.ServerShuttingDown);
    expect(v4.disconnectReason).toBeNull();
    expect(core.connections).toBe(0);
    expect(core.clients.count()).toBe(0);
  });

  it('does not wait for ever for a client that does not read', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.transport.pace = 0;
    broker.broker.drain();
    broker.settle();
    expect(broker.broker.connections).toBe(1);
    broker.advance(2000);
    expect(broker.broker.connections).toBe(0);
  });

  it.each([
    [4, 3],
    [5, Reason.ServerUnavailable],
  ] as const)('lets nobody new in (v%i): 0x8B is no reason of a CONNACK', (version, reason) => {
    const broker = new TestBroker();
    broker.broker.drain();
    const client = broker.connect('late', { version });
    expect(client.connackReason).toBe(reason);
    expect(client.closed).toBe(true);
  });

  it('keeps sessions that are to be kept', () => {
    const broker = new TestBroker();
    broker.client('a', { properties: { sessionExpiryIntervalS: 60 } });
    broker.client('b');
    broker.broker.drain();
    broker.settle();
    expect(broker.session('a')).not.toBeNull();
    expect(broker.session('b')).toBeNull();
  });
});
