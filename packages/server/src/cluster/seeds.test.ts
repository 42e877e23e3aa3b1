import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Resolver, ServiceRecord } from '../peer/resolver.ts';
import { SEEDS_DEFAULTS, Seeds } from './seeds.ts';

const at = (ip: string, port = 9443) => `/ip4/${ip}/tcp/${port}`;

/** Lets promises that are settled already go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function started(join: string[]) {
  const clock = new FakeClock();
  const records = new Map<string, string[]>();
  const services = new Map<string, ServiceRecord[]>();
  const asked: string[] = [];
  const resolver: Resolver = {
    addresses: async (name) => {
      asked.push(name);
      return records.get(name) ?? [];
    },
    services: async (name) => services.get(name) ?? [],
  };
  const kept = new Set<PeerTarget>();
  const known = new Set<string>();
  const state = { alone: true };
  const seeds = new Seeds({
    join,
    resolver,
    clock,
    options: SEEDS_DEFAULTS,
    keep: (target) => {
      kept.add(target);
      return { update: () => {}, stop: () => void kept.delete(target) };
    },
    isAlone: () => state.alone,
    isKnown: ({ addresses }) => addresses.some((address) => known.has(address)),
  });
  const dialled = () => [...kept].flatMap(({ addresses }) => addresses).sort();
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { seeds, clock, records, services, asked, kept, known, state, dialled, pass };
}

describe('addresses to join at', () => {
  it('are multiaddrs or host:port', async () => {
    const t = await started(['192.0.2.1:7000', '[2001:db8::1]:7001', '/ip4/192.0.2.2/udp/7002/quic-v1']);
    t.seeds.start();
    await settle();
    const expected = ['/ip4/192.0.2.1/tcp/7000', '/ip4/192.0.2.2/udp/7002/quic-v1', '/ip6/2001:db8::1/tcp/7001'];
    expect(t.dialled()).toEqual(expected);
    expect(t.seeds.sought.toSorted()).toEqual(expected);
    expect(t.clock.pending).toBe(0);
  });

  it('may say who is expected there', async () => {
    const peerId = '12D3KooWGRUVvkzzqM5yVJxWfWfMbTCW7gqNGwTfbXZLqqqHdGAb';
    const t = await started([`/ip4/192.0.2.1/tcp/7000/p2p/${peerId}`]);
    t.seeds.start();
    await settle();
    expect([...t.kept]).toEqual([{ peerId, addresses: ['/ip4/192.0.2.1/tcp/7000'] }]);
  });

  it('are dialled while there is no link to the node there, also when there is one to others', async () => {
    const t = await started(['192.0.2.1:9443', '192.0.2.2:9443']);
    t.seeds.start();
    await settle();
    t.known.add(at('192.0.2.1'));
    t.state.alone = false;
    t.seeds.refresh();
    expect(t.dialled()).toEqual([at('192.0.2.2')]);
    t.known.clear();
    t.seeds.refresh();
    expect(t.dialled()).toEqual([at('192.0.2.1'), at('192.0.2.2')]);
    t.seeds.refresh();
    expect(t.dialled()).toHaveLength(2);
  });

  it('are dropped quietly when this node answers there itself', async () => {
    const t = await started(['192.0.2.1:9443', '192.0.2.2:9443']);
    t.seeds.start();
    await settle();
    t.seeds.foundSelf({ peerId: null, addresses: [at('192.0.2.1')] });
    t.seeds.refresh();
    expect(t.dialled()).toEqual([at('192.0.2.2')]);
  });

  it('are let go when it stops', async () => {
    const t = await started(['192.0.2.1:9443', 'nodes.example:9443']);
    t.records.set('nodes.example', ['192.0.2.2']);
    t.seeds.start();
    await settle();
    expect(t.dialled()).toHaveLength(2);
    t.seeds.stop();
    expect(t.dialled()).toEqual([]);
    expect(t.clock.pending).toBe(0);
  });

  it('are not dialled when it stops while a name is being resolved', async () => {
    const t = await started(['nodes.example:9443']);
    t.records.set('nodes.example', ['192.0.2.2']);
    t.seeds.start();
    t.seeds.stop();
    await settle();
    expect(t.dialled()).toEqual([]);
    expect(t.clock.pending).toBe(0);
  });
});

describe('names to join at', () => {
  it('stand for all their addresses', async () => {
    const t = await started(['nodes.example:7000', '/dns4/other.example/udp/7001/quic-v1']);
    t.records.set('nodes.example', ['192.0.2.1', 'fe80::1%eth0', '2001:db8::1']);
    t.records.set('other.example', ['192.0.2.9']);
    t.seeds.start();
    await settle();
    const expected = ['/ip4/192.0.2.1/tcp/7000', '/ip4/192.0.2.9/udp/7001/quic-v1', '/ip6/2001:db8::1/tcp/7000'];
    expect(t.dialled()).toEqual(expected);
  });

  it('without a port are looked for as a service', async () => {
    const t = await started(['cluster.example']);
    t.services.set('_plexus._tcp.cluster.example', [
      { name: 'a.example', port: 7000 },
      { name: 'b.example', port: 7001 },
    ]);
    t.records.set('a.example', ['192.0.2.1']);
    t.records.set('b.example', ['192.0.2.2']);
    t.seeds.start();
    await settle();
    expect(t.dialled()).toEqual([at('192.0.2.1', 7000), at('192.0.2.2', 7001)]);
  });

  it('without a port and a service are taken to be at the usual one', async () => {
    const t = await started(['cluster.example']);
    t.records.set('cluster.example', ['192.0.2.1']);
    t.seeds.start();
    await settle();
    expect(t.dialled()).toEqual([at('192.0.2.1', 9443)]);
  });

  it('are resolved again and again, more often while nobody is there', async () => {
    const t = await started(['nodes.example:9443']);
    t.seeds.start();
    await settle();
    expect(t.asked).toHaveLength(1);
    await t.pass(SEEDS_DEFAULTS.aloneResolveMs);
    expect(t.asked).toHaveLength(2);
    t.records.set('nodes.example', ['192.0.2.1']);
    await t.pass(SEEDS_DEFAULTS.aloneResolveMs);
    expect(t.dialled()).toEqual([at('192.0.2.1')]);
    t.state.alone = false;
    await t.pass(SEEDS_DEFAULTS.aloneResolveMs);
    const before = t.asked.length;
    await t.pass(SEEDS_DEFAULTS.resolveMs - 1);
    expect(t.asked).toHaveLength(before);
    await t.pass(1);
    expect(t.asked).toHaveLength(before + 1);
  });

  it('follow what is behind them, and what was there last counts while nobody can say', async () => {
    const t = await started(['nodes.example:9443']);
    t.records.set('nodes.example', ['192.0.2.1', '192.0.2.2']);
    t.seeds.start();
    await settle();
    t.records.set('nodes.example', ['192.0.2.2', '192.0.2.3']);
    await t.pass(SEEDS_DEFAULTS.aloneResolveMs);
    expect(t.dialled()).toEqual([at('192.0.2.2'), at('192.0.2.3')]);
    t.records.delete('nodes.example');
    await t.pass(SEEDS_DEFAULTS.aloneResolveMs);
    expect(t.dialled()).toEqual([at('192.0.2.2'), at('192.0.2.3')]);
  });

  it('may lead to this node now and to another later, as those of a load balancer do', async () => {
    const t = await started(['balancer.example:9443']);
    t.records.set('balancer.example', ['192.0.2.1']);
    t.seeds.start();
    await settle();
    t.seeds.foundSelf({ peerId: null, addresses: [at('192.0.2.1')] });
    expect(t.dialled()).toEqual([]);
    await t.pass(SEEDS_DEFAULTS.aloneResolveMs);
    expect(t.dialled()).toEqual([at('192.0.2.1')]);
  });

  it('with very many addresses are dialled at some of them', async () => {
    const t = await started(['nodes.example:9443']);
    t.records.set(
      'nodes.example',
      Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`),
    );
    t.seeds.start();
    await settle();
    expect(t.dialled()).toHaveLength(32);
  });
});
