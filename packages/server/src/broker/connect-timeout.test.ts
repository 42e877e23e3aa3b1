import { encodeConnect } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

describe('a connection without a CONNECT', () => {
  it('is closed after connectTimeoutMs without a word', () => {
    const broker = new TestBroker({ connectTimeoutMs: 5000 });
    const client = broker.stranger();
    broker.accept(client);
    broker.advance(4750);
    expect(client.closed).toBe(false);
    broker.advance(250);
    expect(client.closed).toBe(true);
    expect(client.bytesReceived).toBe(0);
    expect(broker.broker.counters.closed.get('connect_timeout')).toBe(1);
    expect(broker.broker.connections).toBe(0);
  });

  it('is closed too when the CONNECT comes byte by byte', () => {
    const broker = new TestBroker({ connectTimeoutMs: 5000 });
    const client = broker.stranger('a');
    broker.accept(client);
    for (const byte of encodeConnect(connectPacket(5, 'a')).subarray(0, 12)) {
      client.send(Uint8Array.of(byte));
      broker.advance(500);
    }
    expect(client.closed).toBe(true);
  });

  it('does not happen to a client that has connected', () => {
    const broker = new TestBroker({ connectTimeoutMs: 5000 });
    const client = broker.client('a');
    broker.advance(20_000);
    expect(client.closed).toBe(false);
  });

  it('cannot be held in any number: past maxClients the oldest goes, so that nobody keeps others out', () => {
    const broker = new TestBroker({ maxClients: 3 });
    const strangers = Array.from({ length: 4 }, () => broker.stranger('honest'));
    for (const stranger of strangers) broker.accept(stranger);
    broker.settle();
    broker.settle();
    expect(strangers.map((stranger) => stranger.closed)).toEqual([true, false, false, false]);
    expect(broker.broker.counters.closed.get('connect_timeout')).toBe(1);
    strangers[3]?.send(encodeConnect(connectPacket(5, 'honest')));
    expect(strangers[3]?.connackReason).toBe(0);
  });
});
