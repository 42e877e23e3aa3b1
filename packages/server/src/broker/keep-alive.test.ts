import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('keep-alive', () => {
  it.each([
    [4, null],
    [5, Reason.KeepAliveTimeout],
  ] as const)(
    'closes a client that is silent for one and a half times its interval (v%i) [MQTT-3.1.2-22]',
    (v, reason) => {
      const broker = new TestBroker();
      const client = broker.client('a', { version: v, keepAliveS: 10 });
      broker.advance(15_000);
      expect(client.closed).toBe(false);
      broker.advance(250);
      expect(client.closed).toBe(true);
      expect(client.disconnectReason).toBe(reason);
      expect(broker.broker.counters.closed.get('keep_alive_timeout')).toBe(1);
    },
  );

  it('is met by any packet, and by part of one', () => {
    const broker = new TestBroker();
    const client = broker.client('a', { keepAliveS: 10 });
    broker.advance(14_000);
    client.ping();
    broker.advance(14_000);
    client.publish('t', 'x');
    broker.advance(14_000);
    client.send(Uint8Array.of(0x30));
    broker.advance(14_000);
    expect(client.closed).toBe(false);
  });

  it('is not met by what the broker sends', () => {
    const broker = new TestBroker();
    const client = broker.client('a', { keepAliveS: 2 });
    client.subscribe('t');
    const publisher = broker.client('p');
    for (let i = 0; i < 6; i++) {
      publisher.publish('t', 'x');
      broker.advance(1000);
    }
    expect(client.closed).toBe(true);
  });

  it('of 0 means none', () => {
    const broker = new TestBroker();
    const client = broker.client('a', { keepAliveS: 0 });
    broker.advance(100_000);
    expect(client.closed).toBe(false);
  });
});
