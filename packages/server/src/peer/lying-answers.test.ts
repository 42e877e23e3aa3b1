import type { Connection, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { lpStream } from '@libp2p/utils';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import * as Digest from 'multiformats/hashes/digest';
import { expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { newIdentity } from './identity.ts';
import { KAD_PROTOCOL, recordOf } from './kad-requests.ts';
import { libp2pOptions } from './libp2p-options.ts';
import { kadNode, knows } from './testing/directory-world.ts';

/** Kinds of requests, and the field of an answer that names nodes closer to a key (specs/kad-dht, RPC messages). */
const GET_PROVIDERS = 3;
const CLOSER = 8;
const PROVIDERS = 9;
/** `deadlineMs` of lookups. */
const LOOKUP_DEADLINE_MS = 5000;

/** A peer as an answer names it. */
function named(field: number, peerId: string, address: string): Uint8Array {
  const key = Digest.create(0x12, new Uint8Array(32)).bytes;
  const record = recordOf(key, peerIdFromString(peerId), [address]);
  // Behind the kind and the key.
  const peer = record.slice(2 + 2 + key.length);
  peer[0] = (field << 3) | 2;
  return peer;
}

/** A node of libp2p alone, that says it is of the directory. @param answer to whoever asks who can be found; null: it says nothing to that */
async function hostile(answer: Uint8Array | null) {
  const limits = { maxConnections: 100, version: '0' };
  const node = await createLibp2p(libp2pOptions(newIdentity(), ['/ip4/127.0.0.1/tcp/0'], null, limits));
  await node.handle(KAD_PROTOCOL, async (stream: Stream, _connection: Connection) => {
    const messages = lpStream(stream);
    try {
      for (;;) {
        const request = (await messages.read()).subarray();
        if (request[1] !== GET_PROVIDERS) await messages.write(Uint8Array.of(8, request[1]!));
        else if (answer !== null) await messages.write(answer);
      }
    } catch {
      // It has asked enough.
    }
  });
  return { node, address: multiaddr(node.getMultiaddrs()[0]!).toString() };
}

// A single node that makes up records, and answers first, must not hide what the others have.
it('finds what others know behind an answer that is full of peers that are made up', { timeout: 60_000 }, async () => {
  const clock = new FakeClock();
  const key = new Uint8Array(32).fill(1);
  const honest = await kadNode(clock);
  const wanted = await kadNode(clock, { bootstrap: [honest.addresses[0]!], mode: 'client' });
  await knows(wanted, 1);
  await wanted.directory.provide(key, AbortSignal.timeout(20_000));

  const madeUp = Array.from({ length: 1500 }, () => newIdentity().peerId);
  const answer = Buffer.concat([
    Uint8Array.of(8, GET_PROVIDERS),
    named(CLOSER, honest.peerId, honest.addresses[0]!),
    ...madeUp.map((peerId) => named(PROVIDERS, peerId, '/ip4/192.0.2.1/tcp/9')),
  ]);
  const liar = await hostile(answer);
  // Both: a query asks who is named to it only if that node is closer to the key than whoever named it.
  const asking = await kadNode(clock, { bootstrap: [liar.address, honest.addresses[0]!] });
  await knows(asking, 2);

  const found: string[] = [];
  await asking.directory.find(key, ({ peerId }) => found.push(peerId!), AbortSignal.timeout(20_000));
  expect(found).toContain(wanted.peerId);
  expect(found.length).toBeLessThanOrEqual(1001);
  await Promise.all([liar.node.stop(), ...[asking, honest, wanted].map(({ network }) => network.stop())]);
});

// With the time that a look has by default: a node that is never done would fail each, and never be found out.
it('comes to an end in time beside a node that does not answer, and does not ask it again and again', {
  timeout: 60_000,
}, async () => {
  const clock = new FakeClock();
  const key = new Uint8Array(32).fill(2);
  const honest = await kadNode(clock);
  const silent = await hostile(null);
  const asking = await kadNode(clock, { bootstrap: [honest.addresses[0]!, silent.address] });
  await knows(asking, 2);
  const look = () => asking.directory.find(key, () => {}, AbortSignal.timeout(LOOKUP_DEADLINE_MS));
  for (let i = 0; i < 3; i++) await look();
  expect([asking.directory.dropped, asking.directory.status().peers]).toEqual([1, 1]);
  await Promise.all([silent.node.stop(), ...[asking, honest].map(({ network }) => network.stop())]);
});
