import {
  ClientDecoder,
  DEFAULT_TOPIC_LIMITS,
  encodeConnack,
  type Properties,
  type ProtocolVersion,
  type PublishView,
  TopicTable,
} from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketLog } from '../testing/packet-log.ts';
import { publishPacket } from '../testing/packets.ts';
import { seeded } from '../testing/seed.ts';
import { PublishRun, type WireForm } from './publish-run.ts';

const topics = new TopicTable(64, DEFAULT_TOPIC_LIMITS);

/** A decoder of what a server sends, past its CONNACK. */
function decoder(version: ProtocolVersion, log: PacketLog): ClientDecoder {
  const decoding = new ClientDecoder(
    log,
    { maxPacketBytes: 1 << 28, topics, topicLimits: DEFAULT_TOPIC_LIMITS },
    version,
  );
  decoding.push(encodeConnack(version, { sessionPresent: false, reason: 0, properties: {} }));
  log.packets.length = 0;
  return decoding;
}

/** The runs that the packets in `bytes` make, as a connection gathers them. */
function runsOf(version: ProtocolVersion, bytes: Uint8Array): PublishRun[] {
  const runs: PublishRun[] = [];
  const log = new PacketLog(() => {});
  log.onPublish = (view: PublishView) => {
    const run = runs.at(-1);
    if (run === undefined || !run.extend(view)) runs.push(PublishRun.begin(view, view.topic!, version, 'p'));
  };
  decoder(version, log).push(bytes);
  return runs;
}

function read(version: ProtocolVersion, form: WireForm) {
  const log = new PacketLog(() => {});
  decoder(version, log).push(form.buffer.subarray(form.start, form.end));
  return log.packets.flatMap((packet) => (packet.on === 'publish' ? [packet] : []));
}

const message = fc.record({
  topic: fc.constantFrom('a', 'b/c', 'x'.repeat(200)),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.uint8Array({ minLength: 100, maxLength: 140 }),
    fc.constant(new Uint8Array(20_000)),
  ),
  properties: fc.constantFrom<Properties>(
    {},
    {},
    { contentType: 'text' },
    { userProperties: [['k', 'v'.repeat(150)] as const] },
  ),
});

describe('a run of QoS 0 messages', () => {
  it('has the same messages in both versions; in its own it is the bytes that came', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(4 as const, 5 as const),
        (sent, version) => {
          const bytes = Buffer.concat(
            sent.map(({ topic, payload, properties }) => publishPacket(version, topic, payload, { properties })),
          );
          const runs = runsOf(version, bytes);
          expect(runs.reduce((sum, run) => sum + run.count, 0)).toBe(sent.length);
          const own = runs.map((run) => run.form(version));
          expect(Buffer.concat(own.map((form) => form.buffer.subarray(form.start, form.end))).equals(bytes)).toBe(true);
          const other = version === 4 ? 5 : 4;
          const got = runs.flatMap((run) => read(other, run.form(other)));
          expect(got.map(({ topic, properties }) => [topic, properties])).toEqual(sent.map(({ topic }) => [topic, {}]));
          got.forEach(({ bytes: payload }, i) => {
            expect(Buffer.from(payload).equals(sent[i]!.payload)).toBe(true);
          });
          for (const run of runs) {
            for (const form of [run.form(4), run.form(5)]) {
              const sizes: number[] = [];
              PublishRun.forEachPacket(form, (start, end) => sizes.push(end - start));
              expect(sizes).toHaveLength(run.count);
              expect(form.largest).toBe(Math.max(...sizes));
              expect(form.start + sizes.reduce((sum, size) => sum + size, 0)).toBe(form.end);
            }
          }
        },
      ),
      seeded(200),
    );
  });

  it('is as long as the topic stays the same', () => {
    const packets = ['a', 'a', 'b', 'a', 'a', 'a'].map((topic) => publishPacket(5, topic, 'x'));
    expect(runsOf(5, Buffer.concat(packets)).map((run) => run.count)).toEqual([2, 1, 3]);
  });

  it('is no longer than fits beside a packet into a frame to another node', () => {
    const packets = Array.from({ length: 30 }, () => publishPacket(5, 'a', new Uint8Array(10_000)));
    const runs = runsOf(5, Buffer.concat(packets)).map((run) => run.form(5));
    expect(runs).toHaveLength(3);
    for (const { start, end } of runs) expect(end - start).toBeLessThanOrEqual(128 * 1024);
    expect(runsOf(5, publishPacket(5, 'a', new Uint8Array(500_000)))).toHaveLength(1);
  });

  it('is encoded for the other version once', () => {
    const [run] = runsOf(5, publishPacket(5, 'a', 'x'));
    expect(run?.form(4)).toBe(run?.form(4));
  });

  it('copes with lengths that a 3.1.1 client wrote in more bytes than needed', () => {
    const wide = Uint8Array.of(0x30, 0x85, 0x80, 0x00, 0, 1, 0x61, 0x78, 0x79);
    const [run] = runsOf(4, Buffer.concat([wide, wide]));
    expect(run?.count).toBe(2);
    expect(read(5, run!.form(5)).map(({ topic, payload }) => [topic, payload])).toEqual([
      ['a', 'xy'],
      ['a', 'xy'],
    ]);
  });
});
