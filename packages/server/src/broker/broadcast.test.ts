import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('a broadcast', () => {
  const realms = {
    authenticator: { authenticate: (username: string | null) => ({ realm: username ?? 'default', username }) },
  };

  it('reaches every client of a realm once at QoS 0, subscribed or not, and no one else', () => {
    const broker = new TestBroker(realms);
    const red = [broker.client('a', { username: 'red' }), broker.client('b', { username: 'red', version: 4 })];
    const blue = broker.client('c', { username: 'blue' });
    red[0]?.subscribe('#', 2);
    const reached = broker.broker.clients.broadcast('red', broker.message('news', 'hello'));
    broker.settle();
    expect(reached).toBe(2);
    for (const client of red) {
      expect(client.messages).toMatchObject([{ topic: 'news', payload: 'hello', qos: 0, retain: false }]);
    }
    expect(blue.take()).toEqual([]);
  });

  it('reaches nobody in a realm without clients', () => {
    const broker = new TestBroker(realms);
    expect(broker.broker.clients.broadcast('none', broker.message('news', 'hello'))).toBe(0);
  });

  it('is dropped and counted for a client that does not read', () => {
    const broker = new TestBroker({ outboundBufferBytes: 1000 });
    const [frozen, awake] = [broker.client('a'), broker.client('b')];
    frozen.transport.pace = 0;
    for (let i = 0; i < 10; i++) {
      broker.broker.clients.broadcast('default', broker.message('news', 'x'.repeat(200)));
      broker.settle();
    }
    expect(awake.messages).toHaveLength(10);
    expect(broker.dropped('outbound_full')).toBe(6);
  });

  it('keeps to the maximum packet size of each client', () => {
    const broker = new TestBroker();
    const small = broker.client('a', { properties: { maximumPacketSizeBytes: 50 } });
    broker.broker.clients.broadcast('default', broker.message('news', 'x'.repeat(100)));
    broker.settle();
    expect(small.take()).toEqual([]);
    expect(broker.dropped('too_large')).toBe(1);
  });
});
