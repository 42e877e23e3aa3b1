import { DEFAULT_TOPIC_LIMITS, encodeUtf8, TopicTable } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { Message } from '../broker/message.ts';
import { PublishRun } from '../broker/publish-run.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import { publishPacket } from '../testing/packets.ts';
import type { TestClient } from '../testing/test-client.ts';
import { type MeshNode, TestMesh } from '../testing/test-mesh.ts';
import { encodeMessage, encodeRunHead, NO_BYTES, NOBODY_WAITS, PLAIN } from './message-frames.ts';

const TOPIC = new TopicTable(8, DEFAULT_TOPIC_LIMITS).lookup(encodeUtf8('t'), 0, 1);
/** What no PUBLISH of a client to a server may have, or nothing at all may. */
const BAD_PROPERTIES = {
  'half an expiry interval': [2, 0],
  'a topic alias': [0x23, 0, 1],
  'a subscription identifier': [0x0b, 1],
  'a property that there is not': [0x7f, 1],
  'a string that is longer than all of them': [3, 0, 9, 0x61],
  'one twice': [1, 0, 1, 0],
};

interface World {
  readonly mesh: TestMesh;
  readonly b: MeshNode;
  readonly receivers: readonly TestClient[];
  link(): Link;
}

async function twoNodes(): Promise<World> {
  const mesh = await TestMesh.of(2);
  const [a, b] = mesh.nodes as [MeshNode, MeshNode];
  const receivers = [b.client('five'), b.client('four', { version: 4 })];
  for (const client of receivers) client.subscribe('t', 2);
  await mesh.advance(1000);
  a.client('publisher').publish('t', 'before', { qos: 1 });
  await mesh.advance(1000);
  for (const client of receivers) expect(client.take()).toEqual(['before']);
  return { mesh, b, receivers, link: () => a.meshing!.mesh.link(b.nodeId)! };
}

/** @param expires as if it had an expiry interval */
function message(properties: readonly number[], publisher: string | null, expires: boolean): Buffer {
  const options = { qos: 1 as const, retain: false, publisher, properties: Uint8Array.from(properties) };
  const bad = Message.of(TOPIC, encodeUtf8('bad'), { ...options, ...(expires && { expiresAtMs: 1e15 }) });
  return encodeMessage('default', bad, { portion: PLAIN, sequence: 1000, stamp: null, publisher, head: NO_BYTES }, 0);
}

function run(properties: readonly number[]): Buffer {
  const good = publishPacket(5, 't', 'bad');
  // Behind the topic: the length of the properties, which is 0.
  const packet = Buffer.from([
    0x30,
    good[1]! + properties.length,
    ...good.subarray(2, 5),
    properties.length,
    ...properties,
    ...good.subarray(6),
  ]);
  const parsed = PublishRun.parse(TOPIC, 5, '', packet, 0, packet.length)!;
  const head = encodeRunHead('default', parsed, { portion: PLAIN, sequence: 1000, publisher: null, head: NO_BYTES });
  return Buffer.concat([head, packet]);
}

describe('a node that is not to be trusted', () => {
  for (const [what, properties] of Object.entries(BAD_PROPERTIES)) {
    it(`does no harm with ${what} in a message: its link is closed, and nobody gets it`, async () => {
      for (const frame of [message(properties, null, false), message(properties, null, true), run(properties)]) {
        const { mesh, receivers, link } = await twoNodes();
        const used = link();
        const type =
          frame.includes(publishPacket(5, 't', '').subarray(2, 5)) && frame[0] === 3
            ? FrameType.Run
            : FrameType.Message;
        used.held(type, frame, NO_BYTES, NOBODY_WAITS, 0);
        await mesh.advance(1000);
        expect(used.state).toBe('closed');
        for (const client of receivers) {
          expect(client.closed).toBe(false);
          expect(client.take()).toEqual([]);
        }
      }
    });
  }

  it('cannot pass for a client of this one', async () => {
    const { mesh, receivers, link } = await twoNodes();
    const used = link();
    used.held(FrameType.Message, message([], 'five', false), NO_BYTES, NOBODY_WAITS, 0);
    await mesh.advance(1000);
    expect(used.state).toBe('closed');
    for (const client of receivers) expect(client.take()).toEqual([]);
  });

  it('is heard when it says nothing wrong', async () => {
    const { mesh, receivers, link } = await twoNodes();
    link().held(FrameType.Message, message([1, 1, 3, 0, 1, 0x61], null, false), NO_BYTES, NOBODY_WAITS, 0);
    await mesh.advance(1000);
    for (const client of receivers) expect(client.take()).toEqual(['bad']);
  });
});
