import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { will } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const kept = (sessionExpiryIntervalS: number) => ({ properties: { sessionExpiryIntervalS } });

const watched = () => {
  const broker = new TestBroker();
  const watcher = broker.client('w');
  watcher.subscribe('will', 2);
  return { broker, watcher };
};

describe('a will', () => {
  it.each([4, 5] as const)('is published when the connection breaks (v%i) [MQTT-3.1.2-8]', (version) => {
    const { broker, watcher } = watched();
    broker.client('a', { version, will: will('will', 'x', { qos: 1 }) }).hangUp();
    expect(watcher.messages).toMatchObject([{ topic: 'will', payload: 'x', qos: 1, retain: false }]);
  });

  it('is withdrawn by a DISCONNECT [MQTT-3.1.2-10] [MQTT-3.14.4-3]', () => {
    const { broker, watcher } = watched();
    broker.client('a', { will: will('will', 'x') }).disconnect();
    broker.client('b', { version: 4, will: will('will', 'x') }).disconnect();
    expect(watcher.take()).toEqual([]);
  });

  it('is published after a DISCONNECT that asks for it (0x04)', () => {
    const { broker, watcher } = watched();
    broker.client('a', { will: will('will', 'x') }).disconnect(Reason.DisconnectWithWill);
    expect(watcher.take()).toEqual(['x']);
  });

  it('is published when the client breaks the protocol', () => {
    const { broker, watcher } = watched();
    broker.client('a', { will: will('will', 'x') }).send(Uint8Array.of(0xff, 0xff));
    expect(watcher.take()).toEqual(['x']);
  });

  it('is published when the keep-alive runs out, and when an operator kicks', () => {
    const { broker, watcher } = watched();
    broker.client('a', { keepAliveS: 2, will: will('will', 'silent') });
    broker.client('b', { will: will('will', 'kicked') });
    broker.broker.clients.kick('default', 'b');
    broker.settle();
    expect(watcher.take()).toEqual(['kicked']);
    broker.advance(3500);
    expect(watcher.take()).toEqual(['silent']);
  });

  it('is published once', () => {
    const { broker, watcher } = watched();
    broker.client('a', { ...kept(5), will: will('will', 'x', { delayS: 1 }) }).hangUp();
    broker.advance(20_000);
    expect(watcher.take()).toEqual(['x']);
  });

  it('waits for its delay, and is dropped when the client is back in time [MQTT-3.1.3-9]', () => {
    const { broker, watcher } = watched();
    broker.client('a', { ...kept(60), will: will('will', 'x', { delayS: 5 }) }).hangUp();
    broker.advance(4500);
    expect(watcher.take()).toEqual([]);
    broker.client('a', { cleanStart: false, ...kept(60) }).hangUp();
    broker.advance(10_000);
    expect(watcher.take()).toEqual([]);
    broker.client('a', { ...kept(60), will: will('will', 'y', { delayS: 5 }) }).hangUp();
    broker.advance(5250);
    expect(watcher.take()).toEqual(['y']);
  });

  it('does not wait longer than its session lives (§3.1.3.2.2)', () => {
    const { broker, watcher } = watched();
    broker.client('a', { ...kept(2), will: will('will', 'x', { delayS: 100 }) }).hangUp();
    broker.client('b', { will: will('will', 'y', { delayS: 100 }) }).hangUp();
    expect(watcher.take()).toEqual(['y']);
    broker.advance(2250);
    expect(watcher.take()).toEqual(['x']);
  });

  it('is retained if it says so [MQTT-3.1.2-15] [MQTT-3.1.2-17]', () => {
    const { broker } = watched();
    broker.client('a', { will: will('will', 'x', { retain: true, qos: 1 }) }).hangUp();
    const late = broker.client('late');
    late.subscribe('will', 1);
    expect(late.messages).toMatchObject([{ payload: 'x', retain: true, qos: 1 }]);
  });

  it('carries its properties, but not the delay', () => {
    const { broker, watcher } = watched();
    const properties = { contentType: 'text', userProperties: [['k', 'v'] as const], payloadFormatIndicator: 1 };
    broker.client('a', { will: will('will', 'x', { properties, delayS: 1 }) }).hangUp();
    expect(watcher.messages[0]?.properties).toEqual(properties);
  });

  it('goes to no one in another realm', () => {
    const broker = new TestBroker({ authenticator: { authenticate: (username) => ({ realm: username!, username }) } });
    const watcher = broker.client('w', { username: 'red' });
    watcher.subscribe('#', 0);
    broker.client('a', { username: 'blue', will: will('will', 'x', { retain: true }) }).hangUp();
    watcher.subscribe('will', 0);
    expect(watcher.take()).toEqual([]);
  });

  it('reaches the queue of a session that is away', () => {
    const { broker } = watched();
    const away = broker.client('away', kept(60));
    away.subscribe('will', 1);
    away.hangUp();
    broker.client('a', { will: will('will', 'x', { qos: 1 }) }).hangUp();
    expect(broker.client('away', { cleanStart: false, ...kept(60) }).take()).toEqual(['x']);
  });

  it('that finds a full queue is dropped and counted, for nobody can be refused', () => {
    const broker = new TestBroker({ maxQueuedMessages: 1 });
    const away = broker.client('away', kept(60));
    away.subscribe('will', 1);
    away.hangUp();
    for (const id of ['a', 'b']) broker.client(id, { will: will('will', id, { qos: 1 }) }).hangUp();
    expect(broker.dropped('refused')).toBe(1);
    expect(broker.client('away', { cleanStart: false, ...kept(60) }).take()).toEqual(['a']);
  });
});
