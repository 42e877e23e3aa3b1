import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { Key } from 'interface-datastore';
import { createLibp2p } from 'libp2p';
import { base32 } from 'multiformats/bases/base32';
import * as Digest from 'multiformats/hashes/digest';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { MemoryDirectoryHub } from '../testing/memory-directory.ts';
import type { PeerTarget } from './channel.ts';
import { describeDirectory } from './directory.conformance.ts';
import { newIdentity } from './identity.ts';
import { askToKeep, KAD_PROTOCOL, recordOf } from './kad-requests.ts';
import { libp2pOptions } from './libp2p-options.ts';
import { RECORD_LIMITS } from './record-store.ts';
import { kadNode, kadWorld, knows } from './testing/directory-world.ts';

describeDirectory({ name: 'Kademlia', make: kadWorld });

describeDirectory({
  name: 'in memory',
  make: async (count) => {
    const clock = new FakeClock();
    const [hub, other] = [new MemoryDirectoryHub(clock), new MemoryDirectoryHub(clock)];
    const add = (where: MemoryDirectoryHub, number: number) => {
      const [peerId, addresses] = [`peer-${number}`, [`/ip4/192.0.2.${number}/tcp/9443`]];
      return { peerId, addresses, directory: where.node(peerId, addresses) };
    };
    const nodes = Array.from({ length: count }, (_, i) => add(hub, i + 1));
    const { validityMs } = hub.options;
    const advance = (ms: number) => clock.advance(ms);
    return { nodes, alone: add(other, 99), validityMs, advance, stop: async () => {} };
  },
});

const limit = () => AbortSignal.timeout(20_000);
const keyOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const multihashOf = (key: Uint8Array): Uint8Array => Digest.create(0x12, key).bytes;

/** A node of libp2p alone, that says what it likes. */
async function stranger() {
  const identity = newIdentity();
  const limits = { maxConnections: 100, version: '0' };
  const node = await createLibp2p(libp2pOptions(identity, ['/ip4/127.0.0.1/tcp/0'], null, limits));
  // Nothing of libp2p but this gives streams by peer id, and it is there under any options.
  const source = (node as unknown as { components: { connectionManager: Parameters<typeof askToKeep>[0] } }).components;
  return { node, source: source.connectionManager, peerId: identity.peerId };
}

describe('the directory of a node', { timeout: 60_000 }, () => {
  it('heals when nodes are there again', async () => {
    const clock = new FakeClock();
    const first = await kadNode(clock);
    const second = await kadNode(clock, { bootstrap: [first.addresses[0]!] });
    await knows(second, 1);
    await first.network.stop();
    const find = () => second.directory.find(keyOf(1), () => {}, limit());
    await expect(find()).rejects.toMatchObject({ code: 'directory_unreachable' });
    await vi.waitFor(() => expect(second.directory.status().peers).toBe(0));
    expect(second.directory.dropped).toBe(1);
    // Nobody is asked now, so nobody is waited for.
    await expect(find()).rejects.toMatchObject({ code: 'directory_unreachable' });
    await first.network.start();
    expect(first.network.port).not.toBe(0);
    second.directory.offer({ peerId: first.peerId, addresses: first.network.addresses });
    await knows(second, 1);
    await find();
    await second.network.stop();
    await first.network.stop();
  });

  it('goes on without the node through which it was joined', async () => {
    const { nodes, stop } = await kadWorld(5);
    const [first, second, third] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
    await first.network.stop();
    await second.directory.provide(keyOf(2), limit());
    const found = vi.fn();
    await third.directory.find(keyOf(2), found, limit());
    expect(found).toHaveBeenCalledWith({ peerId: second.peerId, addresses: second.addresses });
    await stop();
  });

  it('asks, and is asked nothing, as a client', async () => {
    const clock = new FakeClock();
    const first = await kadNode(clock);
    const bootstrap = [first.addresses[0]!];
    const client = await kadNode(clock, { bootstrap, mode: 'client' });
    const other = await kadNode(clock, { bootstrap });
    await Promise.all([knows(client, 2), knows(other, 1)]);
    await client.directory.provide(keyOf(3), limit());
    const found: PeerTarget[] = [];
    await other.directory.find(keyOf(3), (target) => found.push(target), limit());
    expect(found.map(({ peerId }) => peerId)).toEqual([client.peerId]);
    // Both have heard of it, before the next one; it answers nobody, so it is no contact.
    const late = await kadNode(clock, { bootstrap });
    await Promise.all([knows(first, 2), knows(late, 1)]);
    await other.directory.find(keyOf(9), () => {}, limit());
    await vi.waitFor(() => expect(other.directory.isContact(late.peerId)).toBe(true), { timeout: 20_000 });
    expect(first.directory.isContact(client.peerId)).toBe(false);
    expect(other.directory.isContact(client.peerId)).toBe(false);
    expect(client.directory.status().mode).toBe('client');
    expect(await other.directory.provide(keyOf(4), limit())).toBe(2);

    await client.directory.setMode('server');
    expect(client.directory.status().mode).toBe('server');
    await Promise.all([client, other, first, late].map(({ network }) => network.stop()));
  });

  it('keeps no more of one peer than it may, and is not harmed by what is no record', async () => {
    const clock = new FakeClock();
    const limits = { ...RECORD_LIMITS, maxPerPeer: 100, maxRecords: 150 };
    const node = await kadNode(clock, { limits });
    const honest = await kadNode(clock, { bootstrap: [node.addresses[0]!] });
    await knows(honest, 1);
    await honest.directory.provide(keyOf(5), limit());

    const { node: hostile, source, peerId } = await stranger();
    await hostile.dial(multiaddr(node.addresses[0]!), { signal: limit() });
    const to = peerIdFromString(node.peerId);
    const self = peerIdFromString(peerId);
    const own = ['/ip4/192.0.2.1/tcp/1'];
    const put = (multihash: Uint8Array, who = self, addresses = own) =>
      askToKeep(source, to, recordOf(multihash, who, addresses), { signal: limit() });
    const key = new Uint8Array(32);
    for (let i = 0; i < 300; i++) {
      new DataView(key.buffer).setUint32(0, i);
      await put(multihashOf(key));
    }
    expect(node.directory.status().records).toBe(101);
    // Of another peer it is not taken; of no key, of a key that is no key of ours, or with addresses without end neither.
    await put(multihashOf(keyOf(6)), peerIdFromString(honest.peerId));
    await expect(put(Uint8Array.of(1, 2, 3))).rejects.toThrow();
    await expect(put(Uint8Array.of(0x12, 0x20, 1))).rejects.toThrow();
    await expect(put(Uint8Array.of(1, 0x55, 0, 4, 1, 2, 3, 4))).rejects.toThrow();
    const many = Array.from({ length: 5000 }, (_, i) => `/ip4/192.0.2.1/tcp/${i + 1}`);
    await expect(put(multihashOf(keyOf(7)), self, many)).rejects.toThrow();
    expect(node.directory.peers.refused).toBeGreaterThan(0);
    const stream = await source.openStream(to, KAD_PROTOCOL, { signal: limit() });
    stream.send(Uint8Array.from({ length: 64 }, (_, i) => i));

    const found: PeerTarget[] = [];
    await honest.directory.find(keyOf(7), (target) => found.push(target), limit());
    await node.directory.find(keyOf(5), (target) => found.push(target), limit());
    expect(found.map((target) => target.peerId)).toEqual([peerId, honest.peerId]);
    await hostile.stop();
    await Promise.all([node, honest].map(({ network }) => network.stop()));
  });

  it('answers with the others, where it does not know the address of one', async () => {
    const clock = new FakeClock();
    const node = await kadNode(clock);
    const bootstrap = [node.addresses[0]!];
    const [one, two] = [await kadNode(clock, { bootstrap, mode: 'client' }), await kadNode(clock, { bootstrap })];
    await Promise.all([knows(one, 1), knows(two, 1)]);
    await one.directory.provide(keyOf(1), limit());
    const under = `/dht/provider/${base32.baseEncode(multihashOf(keyOf(1)))}`;
    node.directory.records.put(new Key(`${under}/${newIdentity().peerId}`), Uint8Array.of(1));
    for (const asking of [two, node]) {
      const found: PeerTarget[] = [];
      if (asking === node) await knows(node, 1);
      await asking.directory.find(keyOf(1), (target) => found.push(target), limit());
      expect(found.map(({ peerId }) => peerId)).toEqual([one.peerId]);
    }
    await Promise.all([one, two, node].map(({ network }) => network.stop()));
  });

  it('remembers addresses of whoever it keeps records of, and of nobody else', async () => {
    const clock = new FakeClock();
    const node = await kadNode(clock);
    const client = await kadNode(clock, { bootstrap: [node.addresses[0]!], mode: 'client' });
    await knows(client, 1);
    const before = node.directory.peers.size;
    await client.directory.provide(keyOf(8), limit());
    await client.network.stop();
    const found: PeerTarget[] = [];
    const other = await kadNode(clock, { bootstrap: [node.addresses[0]!] });
    await knows(other, 1);
    await other.directory.find(keyOf(8), (target) => found.push(target), limit());
    expect(found).toEqual([{ peerId: client.peerId, addresses: client.addresses }]);
    await other.network.stop();
    clock.advance(RECORD_LIMITS.validityMs);
    await vi.waitFor(() => expect(node.directory.needs(client.peerId)).toBe(false));
    await vi.waitFor(() => expect(node.directory.peers.size).toBeLessThanOrEqual(before));
    await node.network.stop();
  });
});
