import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const OPTIONS = { writeTimeoutMs: 30_000, stallAfterMs: 1000 };

describe('a connection that takes nothing', () => {
  it('is closed after writeTimeoutMs with a named reason, and nothing of it is left', () => {
    const broker = new TestBroker(OPTIONS);
    const client = broker.client('a');
    client.subscribe('t');
    client.transport.pace = 0;
    broker.client('p').publish('t', 'x');
    broker.advance(29_750);
    expect(client.closed).toBe(false);
    broker.advance(500);
    expect(client.closed).toBe(true);
    expect(broker.broker.counters.closed.get('write_timeout')).toBe(1);
    expect(broker.registered('a')).toBeNull();
    expect(broker.broker.flow.heldBytes + broker.broker.flow.stalledBytes).toBe(0);
  });

  it('is left alone while there is nothing to take', () => {
    const broker = new TestBroker(OPTIONS);
    const client = broker.client('a');
    client.transport.pace = 0;
    broker.advance(120_000);
    expect(client.closed).toBe(false);
  });

  it('gets its time anew with each write that it takes', () => {
    const broker = new TestBroker(OPTIONS);
    const client = broker.client('a');
    client.subscribe('t');
    const publisher = broker.client('p');
    for (let i = 0; i < 10; i++) {
      client.transport.pace = 0;
      publisher.publish('t', `${i}`);
      broker.advance(20_000);
      client.transport.pace = 1000;
      broker.settle();
    }
    expect(client.messages).toHaveLength(10);
    expect(client.closed).toBe(false);
  });

  it('goes back to normal when it reads again after a stall', () => {
    const broker = new TestBroker(OPTIONS);
    const client = broker.client('a');
    client.subscribe('t');
    client.transport.pace = 0;
    const publisher = broker.client('p');
    publisher.publish('t', 'x'.repeat(5000));
    broker.advance(2000);
    const { flow } = broker.broker;
    expect(flow.heldBytes).toBe(0);
    expect(flow.stalledBytes).toBeGreaterThan(5000);
    publisher.publish('t', 'y'.repeat(5000));
    expect(flow.stalledBytes).toBeGreaterThan(10_000);
    client.transport.pace = 1000;
    broker.settle();
    expect(client.messages).toHaveLength(2);
    expect([flow.heldBytes, flow.stalledBytes]).toEqual([0, 0]);
  });

  it('is closed first, the longest stalled, when stalled bytes pass maxStalledBytes', () => {
    const broker = new TestBroker({ ...OPTIONS, maxStalledBytes: 20_000 });
    const clients = ['a', 'b', 'c'].map((id) => broker.client(id));
    const publisher = broker.client('p');
    for (const client of clients) {
      client.subscribe('t');
      client.transport.pace = 0;
      publisher.publish('t', 'x'.repeat(2000));
      broker.advance(1250);
    }
    for (let i = 0; i < 3; i++) publisher.publish('t', 'x'.repeat(2000));
    expect(clients.map((client) => client.closed)).toEqual([true, false, false]);
    expect(broker.broker.counters.closed.get('outbound_overflow')).toBe(1);
    expect(broker.broker.flow.stalledBytes).toBeLessThanOrEqual(20_000);
  });
});
