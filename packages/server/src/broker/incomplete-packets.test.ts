import { encodeConnect } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket, publishPacket } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';

const MiB = 1024 * 1024;
const OPTIONS = { maxPacketBytes: MiB, maxIncompleteBytes: MiB };
const packet = (bytes: number): Uint8Array => publishPacket(5, 't', new Uint8Array(bytes));
const held = (broker: TestBroker): number => broker.broker.context.incomplete.bytes;

/** Sends the first `bytes` of a large PUBLISH. */
function begin(client: TestClient, bytes: number): Uint8Array {
  const whole = packet(900_000);
  client.send(whole.subarray(0, bytes));
  return whole.subarray(bytes);
}

describe('packets that come in part', () => {
  it('are counted while they are incomplete, and not when they are whole or their connection is gone', () => {
    const broker = new TestBroker(OPTIONS);
    const [a, b, c] = [broker.client('a'), broker.client('b'), broker.client('c')];
    expect(held(broker)).toBe(0);
    const rest = begin(a, 100_000);
    begin(b, 50_000);
    begin(c, 10);
    expect(held(broker)).toBeGreaterThanOrEqual(150_000);
    expect(held(broker)).toBeLessThan(151_000);
    a.send(rest);
    expect(held(broker)).toBeLessThan(51_000);
    b.hangUp();
    c.send(Uint8Array.of(0xff));
    expect(broker.broker.context.incomplete.count).toBe(1);
    c.hangUp();
    expect([held(broker), broker.broker.context.incomplete.count]).toEqual([0, 0]);
  });

  it('have a bound together: past it the one that is incomplete for longest is closed, with a reason', () => {
    const broker = new TestBroker(OPTIONS);
    const clients = ['a', 'b', 'c', 'd'].map((id) => broker.client(id));
    const [slowest, slow] = clients as [TestClient, TestClient];
    for (const client of clients.slice(0, 3)) begin(client, 300_000);
    expect(clients.map((client) => client.closed)).toEqual([false, false, false, false]);
    // Bytes now and then do not make its packet any younger.
    slowest.send(new Uint8Array(10));
    begin(clients[3]!, 300_000);
    expect(clients.map((client) => client.closed)).toEqual([true, false, false, false]);
    expect(slowest.disconnectReason).toBe(0x97);
    expect(broker.broker.counters.closed.get('incomplete_overflow')).toBe(1);
    expect(held(broker)).toBeLessThanOrEqual(MiB);
    expect(slow.disconnectReason).toBeNull();
  });

  it('spare a client whose packets become whole: it is the packet that is old, not the client', () => {
    const broker = new TestBroker(OPTIONS);
    const [busy, stuck] = [broker.client('busy'), broker.client('stuck')];
    let rest = begin(busy, 300_000);
    begin(stuck, 300_000);
    const whole = packet(900_000);
    // The end of one and the beginning of the next, in one read.
    busy.send(rest, whole.subarray(0, 300_000));
    rest = whole.subarray(300_000);
    begin(broker.client('other'), 600_000);
    expect([busy.closed, stuck.closed]).toEqual([false, true]);
    busy.send(rest);
    expect(busy.closed).toBe(false);
  });

  it('count before the CONNECT too', () => {
    const broker = new TestBroker({ ...OPTIONS, connectTimeoutMs: 5000 });
    const connect = encodeConnect(connectPacket(5, 'x', { username: 'u', password: new Uint8Array(60_000) }));
    const strangers = Array.from({ length: 30 }, () => broker.stranger());
    for (const stranger of strangers) {
      broker.accept(stranger);
      stranger.send(connect.subarray(0, 50_000));
    }
    expect(held(broker)).toBeLessThanOrEqual(MiB);
    expect(strangers.map((stranger) => stranger.closed)).toEqual(strangers.map((_, i) => i < 10));
    broker.advance(5250);
    expect([held(broker), broker.broker.connections]).toEqual([0, 0]);
  });
});
