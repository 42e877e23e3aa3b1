import { describe, expect, it } from 'vitest';
import { will } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const OPTIONS = { stallAfterMs: 1000, writeTimeoutMs: 600_000 };

describe('when stalled bytes pass maxStalledBytes', () => {
  it('as many are closed as it takes, the longest stalled first', () => {
    const broker = new TestBroker({ ...OPTIONS, maxStalledBytes: 20_000 });
    const clients = ['a', 'b', 'c', 'd'].map((id) => broker.client(id));
    const publisher = broker.client('p');
    for (const client of clients) {
      client.subscribe('t');
      client.transport.pace = 0;
      publisher.publish('t', 'x'.repeat(500));
      broker.advance(1250);
    }
    for (let i = 0; i < 10; i++) publisher.publish('t', 'x'.repeat(500));
    // Nobody opened the gate for long: one turn brings much at once.
    publisher.publish('t', 'x'.repeat(5000));
    expect(clients.map((client) => client.closed)).toEqual([true, true, true, false]);
    expect(broker.broker.flow.stalledBytes).toBeLessThanOrEqual(20_000);
    expect(broker.broker.counters.closed.get('outbound_overflow')).toBe(3);
  });

  it('the will of the one that goes does not get into the middle of a packet for another', () => {
    for (let size = 300; size < 2000; size += 50) {
      const broker = new TestBroker({ ...OPTIONS, maxStalledBytes: 12_000 });
      const publisher = broker.client('p');
      const goes = broker.client('a', { will: will('will', 'w'.repeat(1500), { qos: 1 }) });
      goes.subscribe('first');
      goes.transport.pace = 0;
      publisher.publish('first', 'x'.repeat(9000));
      broker.advance(1250);
      const stays = broker.client('b');
      stays.subscribe('t', 1);
      stays.subscribe('will', 1);
      stays.transport.pace = 0;
      publisher.publish('t', '0', { qos: 1 });
      broker.advance(1250);
      const sent = ['0'];
      while (!goes.closed) {
        sent.push(`${sent.length}`.padEnd(size, '.'));
        publisher.publish('t', sent.at(-1)!, { qos: 1 });
      }
      stays.transport.pace = 1000;
      broker.settle();
      const got = stays.take();
      expect(got.filter((payload) => !payload.startsWith('w'))).toEqual(sent);
      expect(got.filter((payload) => payload.startsWith('w'))).toHaveLength(1);
    }
  });
});
