import { describe, expect, it } from 'vitest';
import { publishPacket } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';

const BUFFER = 64 * 1024;
const OPTIONS = { outboundBufferBytes: BUFFER, writeTimeoutMs: 600_000 };

/** Twenty subscribers of which the first is frozen, and a publisher. */
const scene = (qos: 0 | 1, options = {}) => {
  const broker = new TestBroker({ ...OPTIONS, ...options });
  const clients = Array.from({ length: 20 }, (_, i) =>
    broker.client(`s${i}`, { version: i % 2 === 0 ? 5 : 4, cleanStart: false }),
  );
  for (const client of clients) client.subscribe('t', qos);
  const frozen = clients[0]!;
  frozen.transport.pace = 0;
  return { broker, frozen, others: clients.slice(1), publisher: broker.client('p') };
};

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `${from + i}`.padEnd(500));

describe('one frozen subscriber of twenty', () => {
  it('changes nothing for the others at QoS 0 but the dropped count; what is held for it stays bounded', () => {
    const { broker, frozen, others, publisher } = scene(0);
    const sent: string[] = [];
    for (let i = 0; i < 100; i++) {
      const batch = numbered(20, i * 20);
      sent.push(...batch);
      publisher.send(...batch.map((payload) => publishPacket(5, 't', payload)));
      expect(broker.registered('s0')?.connection.outbound.bytes).toBeLessThanOrEqual(BUFFER);
    }
    for (const other of others) expect(other.take()).toEqual(sent);
    frozen.transport.pace = 10_000;
    broker.settle();
    const got = frozen.take();
    // The oldest came, in order, and the newest are missing.
    expect(got).toEqual(sent.slice(0, got.length));
    expect(got.length).toBeGreaterThan(100);
    expect(broker.dropped('outbound_full')).toBe(sent.length - got.length);
    publisher.publish('t', 'afterwards');
    expect(frozen.take()).toEqual(['afterwards']);
  });

  it('keeps its messages at QoS 1, in its queue, while the others go on', () => {
    const { broker, frozen, others, publisher } = scene(1, { maxInFlight: 50 });
    const sent = numbered(400);
    for (let i = 0; i < sent.length; i += 40) {
      const batch = sent.slice(i, i + 40);
      publisher.send(...batch.map((payload, j) => publishPacket(5, 't', payload, { qos: 1, packetId: i + j + 1 })));
    }
    expect(publisher.all('puback')).toHaveLength(400);
    for (const other of others) expect(other.take()).toEqual(sent);
    expect(frozen.take()).toEqual([]);
    expect(broker.session('s0')?.state.inFlight).toBe(50);
    frozen.transport.pace = 5000;
    broker.settle();
    expect(frozen.take()).toEqual(sent);
    expect(broker.broker.context.queuedBytes.total).toBe(0);
  });

  it('does not take more into its outbound buffer than that holds, however wide the window is', () => {
    const { broker, publisher } = scene(1);
    for (const payload of numbered(400)) publisher.publish('t', payload, { qos: 1 });
    expect(broker.registered('s0')?.connection.outbound.bytes).toBeLessThan(BUFFER + 600);
    expect(broker.session('s0')?.state.queuedMessages).toBeGreaterThan(200);
  });

  it('holds publishers up for stallAfterMs at most', () => {
    const { broker, others, publisher } = scene(0, { outboundHighWaterBytes: 20_000, outboundLowWaterBytes: 10_000 });
    for (const payload of numbered(60)) publisher.publish('t', payload);
    expect(broker.broker.flow.closed).toBe(true);
    broker.advance(1250);
    expect(broker.broker.flow.closed).toBe(false);
    for (const other of others) expect(other.take()).toHaveLength(60);
    for (const payload of numbered(500)) publisher.publish('t', payload);
    for (const other of others) expect(other.take()).toHaveLength(500);
  });
});
