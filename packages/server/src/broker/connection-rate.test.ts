import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const attempt = (broker: TestBroker, address: string): boolean => {
  const client = broker.stranger('', { address });
  broker.accept(client);
  return !client.closed;
};

describe('connection attempts', () => {
  it('are limited for each address by itself: a burst, then a rate', () => {
    const broker = new TestBroker({ connectionRatePerAddress: 2, connectionBurstPerAddress: 3 });
    const attempts = Array.from({ length: 5 }, () => attempt(broker, '198.51.100.1'));
    expect(attempts).toEqual([true, true, true, false, false]);
    expect(attempt(broker, '198.51.100.2')).toBe(true);
    broker.advance(500);
    expect(attempt(broker, '198.51.100.1')).toBe(true);
    expect(attempt(broker, '198.51.100.1')).toBe(false);
    expect(broker.broker.counters.refused.get('connection_rate_exceeded')).toBe(3);
  });

  it('are not limited for ever after a quiet time', () => {
    const broker = new TestBroker({ connectionRatePerAddress: 2, connectionBurstPerAddress: 3 });
    while (attempt(broker, '198.51.100.1'));
    broker.advance(60_000);
    expect(Array.from({ length: 4 }, () => attempt(broker, '198.51.100.1'))).toEqual([true, true, true, false]);
  });

  it('that are refused disturb nobody who is connected', () => {
    const broker = new TestBroker({ connectionRatePerAddress: 1, connectionBurstPerAddress: 1 });
    const client = broker.client('a', { address: '198.51.100.1' });
    for (let i = 0; i < 100; i++) attempt(broker, '198.51.100.1');
    client.ping();
    expect(client.all('pingresp')).toHaveLength(1);
    expect(broker.broker.connections).toBe(1);
  });
});
