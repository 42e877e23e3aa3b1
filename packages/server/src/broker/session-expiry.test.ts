import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const kept = (sessionExpiryIntervalS: number) => ({ cleanStart: false, properties: { sessionExpiryIntervalS } });

describe('a session', () => {
  it.each([
    ['5.0 without an expiry interval', { version: 5, cleanStart: false }],
    ['3.1.1 with clean session', { version: 4, cleanStart: true }],
  ] as const)('ends with its connection: %s [MQTT-3.1.2-23]', (_, options) => {
    const broker = new TestBroker();
    broker.client('a', options).subscribe('t', 1);
    broker.registered('a')?.connection.close('kicked');
    broker.settle();
    expect(broker.session('a')).toBeNull();
    expect(broker.broker.sessions.size).toBe(0);
    expect(broker.broker.realms.find('default')?.subscriptions).toBe(0);
  });

  it('outlives its connection for its expiry interval, then it is gone', () => {
    const broker = new TestBroker();
    broker.client('a', kept(10)).hangUp();
    broker.advance(9500);
    expect(broker.session('a')).not.toBeNull();
    const again = broker.client('a', kept(10));
    expect(again.sessionPresent).toBe(true);
    again.hangUp();
    broker.advance(10_250);
    expect(broker.session('a')).toBeNull();
    expect(broker.client('a', kept(10)).sessionPresent).toBe(false);
  });

  it('does not expire while it is connected', () => {
    const broker = new TestBroker();
    broker.client('a', kept(1));
    broker.advance(5000);
    expect(broker.session('a')).not.toBeNull();
  });

  it('takes a new interval from a DISCONNECT (§3.14.2.2.2)', () => {
    const broker = new TestBroker();
    broker.client('a', kept(10)).disconnect(0, { sessionExpiryIntervalS: 0 });
    expect(broker.session('a')).toBeNull();
    broker.client('b', kept(10)).disconnect(0, { sessionExpiryIntervalS: 100 });
    broker.advance(50_000);
    expect(broker.session('b')).not.toBeNull();
  });

  it('refuses to come to life by a DISCONNECT after an interval of 0 (§3.14.2.2.2)', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.disconnect(0, { sessionExpiryIntervalS: 10 });
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
    expect(broker.session('a')).toBeNull();
  });

  it('of a 3.1.1 client without clean session is kept for maxSessionExpiryS', () => {
    const broker = new TestBroker({ maxSessionExpiryS: 20 });
    broker.client('a', { version: 4, cleanStart: false }).disconnect();
    broker.advance(19_000);
    expect(broker.client('a', { version: 4, cleanStart: false }).sessionPresent).toBe(true);
    broker.registered('a')?.connection.close('kicked');
    broker.advance(21_000);
    expect(broker.session('a')).toBeNull();
  });

  it('is kept when the node was told never to forget it', () => {
    const broker = new TestBroker({ maxSessionExpiryS: 0xffff_ffff });
    broker.client('a', kept(0xffff_ffff)).hangUp();
    expect(broker.session('a')?.state.expiresAtMs).toBe(Number.POSITIVE_INFINITY);
    broker.clock.advance(24 * 3600 * 1000);
    expect(broker.session('a')).not.toBeNull();
  });

  it('counts what it takes along when it ends', () => {
    const broker = new TestBroker();
    const client = broker.client('a', kept(5));
    client.subscribe('t', 1);
    client.hangUp();
    const publisher = broker.client('p');
    for (const payload of ['1', '2', '3']) publisher.publish('t', payload, { qos: 1 });
    expect(broker.broker.context.queuedBytes.total).toBeGreaterThan(0);
    broker.advance(6000);
    expect(broker.dropped('session_ended')).toBe(3);
    expect(broker.broker.context.queuedBytes.total).toBe(0);
  });

  it('is refused where maxSessions is reached; one that is kept may come back', () => {
    const broker = new TestBroker({ maxSessions: 1 });
    broker.client('a', kept(60)).hangUp();
    expect(broker.connect('b').connackReason).toBe(Reason.QuotaExceeded);
    expect(broker.connect('b', { version: 4 }).connackReason).toBe(3);
    expect(broker.client('a', kept(60)).sessionPresent).toBe(true);
  });

  it('hands over at reconnect what was published meanwhile at QoS 1 and 2, not at QoS 0', () => {
    const broker = new TestBroker();
    const client = broker.client('a', kept(60));
    client.subscribe('t', 2);
    client.disconnect();
    const publisher = broker.client('p');
    publisher.publish('t', 'zero', { qos: 0 });
    publisher.publish('t', 'one', { qos: 1 });
    publisher.publish('t', 'two', { qos: 2 });
    const again = broker.client('a', kept(60));
    expect(again.messages.map(({ payload, qos, dup }) => [payload, qos, dup])).toEqual([
      ['one', 1, false],
      ['two', 2, false],
    ]);
  });
});
