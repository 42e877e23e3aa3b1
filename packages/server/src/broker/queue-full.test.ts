import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { publishPacket } from '../testing/packets.ts';
import { TestBroker, type TestBrokerOptions } from '../testing/test-broker.ts';

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };

/** A session that is away, with room for three messages, and a witness who would hear what it would. */
const scene = (options: TestBrokerOptions) => {
  const broker = new TestBroker({ maxQueuedMessages: 3, ...options });
  const away = broker.client('away', KEPT);
  away.subscribe('t', 2);
  away.hangUp();
  const witness = broker.client('witness');
  witness.subscribe('t', 2);
  const fill = broker.client('fill');
  for (const payload of ['1', '2', '3']) fill.publish('t', payload, { qos: 1 });
  witness.take();
  return { broker, witness, back: () => broker.client('away', KEPT) };
};

describe('queueFull: reject', () => {
  it.each([1, 2] as const)('refuses a v5 publish at QoS %i by 0x97, and nobody gets it', (qos) => {
    const { broker, witness, back } = scene({ queueFull: 'reject' });
    const publisher = broker.client('p');
    expect(publisher.reasonFor(publisher.publish('t', '4', { qos, retain: true }))).toBe(Reason.QuotaExceeded);
    expect(publisher.closed).toBe(false);
    expect(witness.take()).toEqual([]);
    expect(broker.retained.messages).toBe(0);
    expect(broker.dropped('refused')).toBe(1);
    expect(broker.session('p')?.state.received).toBe(0);
    expect(back().take()).toEqual(['1', '2', '3']);
    expect(publisher.reasonFor(publisher.publish('t', '5', { qos }))).toBe(0);
  });

  it.each([1, 2] as const)(
    'leaves a 3.1.1 publish at QoS %i unacknowledged and closes; what came before is acknowledged',
    (qos) => {
      const { broker, witness } = scene({ queueFull: 'reject' });
      const publisher = broker.client('p', { version: 4 });
      publisher.send(
        publishPacket(4, 'other', 'x', { qos, packetId: 1 }),
        publishPacket(4, 't', '4', { qos, packetId: 2 }),
        publishPacket(4, 'other', 'x', { qos, packetId: 3 }),
      );
      expect(publisher.all(qos === 1 ? 'puback' : 'pubrec').map((ack) => ack.packetId)).toEqual([1]);
      expect(publisher.closed).toBe(true);
      expect(broker.broker.counters.closed.get('publish_refused')).toBe(1);
      expect(witness.take()).toEqual([]);
    },
  );

  it('does not concern QoS 0, nor publishes that the full session would get at QoS 0', () => {
    const { broker, witness } = scene({ queueFull: 'reject' });
    const publisher = broker.client('p');
    publisher.publish('t', 'zero');
    const other = broker.client('other', { ...KEPT, autoAck: false });
    other.subscribe('u', 0);
    expect(publisher.reasonFor(publisher.publish('u', 'x', { qos: 1 }))).toBe(0);
    expect(witness.take()).toEqual(['zero']);
  });

  it('goes by bytes too, of one session and of all', () => {
    // Of the bytes of all sessions each of the two that match takes its part.
    for (const [bound, fit] of [
      [{ maxQueuedBytes: 2000 }, 2],
      [{ maxTotalQueuedBytes: 2000 }, 1],
    ] as const) {
      const { broker } = scene({ queueFull: 'reject', maxQueuedMessages: 1000, ...bound });
      const publisher = broker.client('p');
      const reasons = Array.from({ length: 8 }, () =>
        publisher.reasonFor(publisher.publish('t', 'x'.repeat(300), { qos: 1 })),
      );
      expect(reasons.filter((reason) => reason === 0)).toHaveLength(fit);
      expect(broker.broker.context.queuedBytes.total).toBeLessThanOrEqual(2000);
    }
  });

  it('frees what was queued when it is taken', () => {
    const { broker, back } = scene({ queueFull: 'reject' });
    back();
    expect(broker.broker.context.queuedBytes.total).toBe(0);
    expect(broker.session('away')?.state.heldBytes).toBe(0);
  });
});

describe.each([
  ['drop-oldest', 'queue_oldest', ['3', '4', '5']],
  ['drop-newest', 'queue_newest', ['1', '2', '3']],
] as const)('queueFull: %s', (queueFull, reason, kept) => {
  it('acknowledges, drops accordingly, counts, and the others get everything', () => {
    const { broker, witness, back } = scene({ queueFull });
    const publisher = broker.client('p');
    for (const payload of ['4', '5']) {
      expect(publisher.reasonFor(publisher.publish('t', payload, { qos: 1 }))).toBe(0);
    }
    expect(witness.take()).toEqual(['4', '5']);
    expect(broker.dropped(reason)).toBe(2);
    expect(broker.dropped('refused')).toBe(0);
    expect(back().take()).toEqual(kept);
  });

  it('leaves what is in flight alone', () => {
    const broker = new TestBroker({ maxQueuedMessages: 1, queueFull });
    const client = broker.client('s', { autoAck: false, properties: { receiveMaximum: 2 } });
    client.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 6; i++) publisher.publish('t', `${i}`, { qos: 1 });
    for (const { packetId } of client.messages) client.ack(4, packetId);
    expect(client.take()).toEqual(['0', '1', queueFull === 'drop-oldest' ? '5' : '2']);
  });
});

describe('queueFull: disconnect', () => {
  it('closes the slow subscriber with a named reason; the publisher and the others go on', () => {
    const broker = new TestBroker({ maxQueuedMessages: 2, queueFull: 'disconnect' });
    const slow = broker.client('slow', {
      ...KEPT,
      autoAck: false,
      properties: { ...KEPT.properties, receiveMaximum: 1 },
    });
    const witness = broker.client('witness');
    for (const client of [slow, witness]) client.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 5; i++) publisher.publish('t', `${i}`, { qos: 1 });
    expect(slow.disconnectReason).toBe(Reason.QuotaExceeded);
    expect(broker.broker.counters.closed.get('queue_full')).toBe(1);
    expect(publisher.all('puback').map((ack) => ack.reason)).toEqual([0, 0, 0, 0, 0]);
    expect(witness.take()).toEqual(['0', '1', '2', '3', '4']);
    expect(broker.dropped('queue_newest')).toBe(2);
    expect(broker.client('slow', KEPT).take()).toEqual(['0', '1', '2']);
  });
});
