import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('a write that fails', () => {
  it('removes the connection at once, and nobody else notices', () => {
    const broker = new TestBroker();
    const [broken, well] = [broker.client('a'), broker.client('b')];
    for (const client of [broken, well]) client.subscribe('t', 1);
    broken.transport.failWrites = true;
    const publisher = broker.client('p');
    publisher.publish('t', '1', { qos: 1 });
    expect(broker.registered('a')).toBeNull();
    expect(broker.session('a')).toBeNull();
    expect(broker.broker.connections).toBe(2);
    expect(well.take()).toEqual(['1']);
    expect(publisher.all('puback')).toHaveLength(1);
    expect(broker.broker.flow.heldBytes).toBe(0);
  });

  it('loses nothing of a session that is kept', () => {
    const broker = new TestBroker();
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const client = broker.client('a', kept);
    client.subscribe('t', 1);
    client.transport.failWrites = true;
    const publisher = broker.client('p');
    for (const payload of ['1', '2', '3']) publisher.publish('t', payload, { qos: 1 });
    expect(broker.client('a', kept).take()).toEqual(['1', '2', '3']);
  });

  it('gives back the bytes that were held for it', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.subscribe('t');
    client.transport.pace = 0;
    const publisher = broker.client('p');
    for (let i = 0; i < 50; i++) publisher.publish('t', 'x'.repeat(5000));
    expect(broker.broker.flow.heldBytes).toBeGreaterThan(200_000);
    client.hangUp();
    expect(broker.broker.flow.heldBytes).toBe(0);
  });
});
