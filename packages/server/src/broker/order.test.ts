import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publishPacket } from '../testing/packets.ts';
import { seeded } from '../testing/seed.ts';
import { TestBroker } from '../testing/test-broker.ts';

describe('messages of one publisher', () => {
  it('arrive in order per topic and QoS, whatever the mix, the reads and the pace [MQTT-4.6.0-5] [MQTT-4.6.0-6]', () => {
    const message = fc.record({
      topic: fc.constantFrom('a', 'b', 'c/d'),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      size: fc.integer({ min: 0, max: 3000 }),
      retain: fc.boolean(),
    });
    const receivers = fc.array(
      fc.record({
        version: fc.constantFrom(4 as const, 5 as const),
        qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
        pace: fc.integer({ min: 1, max: 5000 }),
        window: fc.integer({ min: 1, max: 10 }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(message, { maxLength: 12 }), { maxLength: 6 }),
        receivers,
        fc.constantFrom(4 as const, 5 as const),
        (reads, wanted, version) => {
          const broker = new TestBroker({ outboundHighWaterBytes: 30_000, outboundLowWaterBytes: 10_000 });
          const clients = wanted.map(({ version: theirs, qos, pace, window }, i) => {
            const properties = theirs === 5 ? { receiveMaximum: window } : {};
            const client = broker.client(`s${i}`, { version: theirs, properties });
            client.subscribe('#', qos);
            client.transport.pace = pace;
            return client;
          });
          const publisher = broker.client('p', { version });
          let number = 0;
          for (const read of reads) {
            const packets = read.map(({ topic, qos, size, retain }) => {
              const payload = `${number++} `.padEnd(size);
              return publishPacket(version, topic, payload, { qos, retain, packetId: number });
            });
            publisher.transport.send(Buffer.concat(packets));
            broker.step();
          }
          broker.settle();
          const all = reads.flat();
          clients.forEach((client, i) => {
            for (const topic of ['a', 'b', 'c/d']) {
              for (const qos of [0, 1, 2] as const) {
                const expected = all.flatMap((sent, n) => (sent.topic === topic && sent.qos === qos ? [n] : []));
                const got = client.messages
                  .filter((m) => m.topic === topic && all[Number.parseInt(m.payload, 10)]?.qos === qos)
                  .map((m) => Number.parseInt(m.payload, 10));
                expect(got).toEqual(expected);
              }
            }
            expect(client.messages.every((m) => m.qos <= wanted[i]!.qos)).toBe(true);
          });
        },
      ),
      seeded(150),
    );
  });
});
