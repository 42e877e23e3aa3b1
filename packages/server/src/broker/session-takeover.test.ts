import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { will } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };

describe('a client id that connects again', () => {
  it('ends the earlier connection with 0x8E and takes its place [MQTT-3.1.4-3]', () => {
    const broker = new TestBroker();
    const first = broker.client('a');
    const second = broker.client('a');
    expect(first.disconnectReason).toBe(Reason.SessionTakenOver);
    expect(first.closed).toBe(true);
    expect(second.closed).toBe(false);
    expect(broker.broker.clients.count()).toBe(1);
    expect(broker.broker.counters.closed.get('session_taken_over')).toBe(1);
    second.ping();
    expect(second.all('pingresp')).toHaveLength(1);
  });

  it('goes on with the session: subscriptions, what is in flight and what is queued', () => {
    const broker = new TestBroker();
    const first = broker.client('a', {
      ...KEPT,
      autoAck: false,
      properties: { ...KEPT.properties, receiveMaximum: 1 },
    });
    first.subscribe('t', 1);
    const publisher = broker.client('p');
    publisher.publish('t', '1', { qos: 1 });
    publisher.publish('t', '2', { qos: 1 });
    expect(first.take()).toEqual(['1']);
    const second = broker.client('a', KEPT);
    expect(second.sessionPresent).toBe(true);
    expect(second.messages.map(({ payload, dup }) => [payload, dup])).toEqual([
      ['1', true],
      ['2', false],
    ]);
    publisher.publish('t', '3', { qos: 1 });
    expect(second.take()).toEqual(['1', '2', '3']);
    expect(first.take()).toEqual([]);
  });

  it('starts anew with clean start [MQTT-3.1.2-4]', () => {
    const broker = new TestBroker();
    broker.client('a', KEPT).subscribe('t', 1);
    const second = broker.client('a', { ...KEPT, cleanStart: true });
    expect(second.sessionPresent).toBe(false);
    broker.client('p').publish('t', '1', { qos: 1 });
    expect(second.take()).toEqual([]);
  });

  it('starts anew when the session was to end with its connection', () => {
    const broker = new TestBroker();
    broker.client('a').subscribe('t', 1);
    expect(broker.client('a', KEPT).sessionPresent).toBe(false);
    expect(broker.broker.sessions.size).toBe(1);
  });

  it('does not touch the same client id in another realm', () => {
    const broker = new TestBroker({
      authenticator: { authenticate: (username) => ({ realm: username!, username }) },
    });
    const red = broker.client('a', { username: 'red' });
    const blue = broker.client('a', { username: 'blue' });
    expect([red.closed, blue.closed]).toEqual([false, false]);
    expect(broker.broker.clients.count()).toBe(2);
  });

  it('publishes the will of the earlier connection, unless its delay is not over yet [MQTT-3.1.3-9]', () => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will/#', 0);
    broker.client('now', { ...KEPT, will: will('will/now', 'x') });
    broker.client('now', KEPT);
    expect(watcher.take()).toEqual(['x']);
    broker.client('later', { ...KEPT, will: will('will/later', 'y', { delayS: 5 }) });
    broker.client('later', KEPT);
    broker.advance(10_000);
    expect(watcher.take()).toEqual([]);
  });

  it('publishes a delayed will at once when the session ends with the takeover', () => {
    const broker = new TestBroker();
    const watcher = broker.client('w');
    watcher.subscribe('will/#', 0);
    broker.client('a', { ...KEPT, will: will('will/a', 'x', { delayS: 50 }) });
    broker.client('a', { cleanStart: true });
    expect(watcher.take()).toEqual(['x']);
  });

  it('takes over a connection that has stopped reading', () => {
    const broker = new TestBroker();
    const first = broker.client('a');
    first.transport.pace = 0;
    first.ping();
    const second = broker.client('a');
    expect(second.connackReason).toBe(0);
    broker.advance(2500);
    expect(first.closed).toBe(true);
    expect(broker.broker.connections).toBe(1);
  });

  it('lets clients take one another over many times without a trace', () => {
    const broker = new TestBroker();
    for (let i = 0; i < 50; i++) broker.client('a', KEPT).subscribe(`t/${i}`, 1);
    expect(broker.broker.clients.count()).toBe(1);
    expect(broker.broker.sessions.size).toBe(1);
    expect(broker.session('a')?.state.subscriptions.size).toBe(50);
    broker.client('a').disconnect();
    expect(broker.broker.connections).toBe(0);
    expect(broker.broker.realms.find('default')?.subscriptions).toBe(0);
  });
});
