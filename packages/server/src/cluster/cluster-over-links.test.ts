import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { createLogger } from '../lib/log.ts';
import { Turn } from '../lib/turn.ts';
import type { PeerTarget } from '../peer/channel.ts';
import { LinkPool } from '../peer/link-pool.ts';
import { LINK_POOL_DEFAULTS } from '../peer/link-pool-options.ts';
import { MemoryHub } from '../testing/memory-network.ts';
import { Cluster } from './cluster.ts';
import { CLUSTER_DEFAULTS } from './cluster-setup.ts';

const PROMISES_DEEP = 12;
const QUIET_ROUNDS = 5;

/** Nodes with everything that there is between a cluster and a network. */
function world() {
  const clock = new FakeClock();
  const steps: (() => void)[] = [];
  const hub = new MemoryHub((run) => steps.push(run));
  let drawn = 0;
  const random = () => {
    drawn = (drawn + 0.37) % 1;
    return drawn;
  };
  let incarnations = 0;
  let isMute = false;
  const targets: PeerTarget[] = [];

  const start = (peerId: string, secret = 'secret') => {
    const network = hub.node(peerId);
    const dial = network.dial.bind(network);
    network.dial = (target, ...rest) => (isMute ? new Promise(() => {}) : dial(target, ...rest));
    const incarnation = ++incarnations;
    const turn = new Turn((run) => clock.setImmediate(run));
    const log = createLogger({ level: 'silent' });
    const pool = new LinkPool({ network, incarnation, clock, turn, random, log, options: LINK_POOL_DEFAULTS });
    const heard: string[] = [];
    const [first] = targets;
    targets.push({ peerId, addresses: network.addresses });
    const cluster = new Cluster({
      name: 'c',
      secrets: [secret],
      self: { nodeId: peerId, incarnation, addresses: () => network.addresses },
      pool,
      join: [],
      resolver: { addresses: async () => [], services: async () => [] },
      // Everybody hears of the first.
      discovery: { start: (onPeer) => first !== undefined && onPeer(first), stop() {} },
      clock,
      turn,
      random,
      log,
      options: CLUSTER_DEFAULTS,
    });
    cluster.onMember(({ kind, member }) => heard.push(`${kind} ${member.nodeId} ${member.incarnation}`));
    pool.start();
    cluster.start();
    const states = () =>
      cluster
        .members()
        .filter(({ self }) => !self)
        .map(({ nodeId, state }) => `${nodeId} ${state}`)
        .sort();
    return { peerId, pool, cluster, heard, states };
  };

  /** As if a cable were cut: nothing comes through, and nobody is told. */
  const silence = (one: string, other: string) => {
    isMute = true;
    hub.freeze(one, other);
  };

  /** As if the process were killed. */
  const kill = ({ peerId, pool, cluster }: ReturnType<typeof start>) => {
    hub.kill(peerId);
    cluster.stop();
    pool.stop();
  };

  const settle = async () => {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
      const step = steps.shift();
      if (step !== undefined) quiet = 0;
      step?.();
      for (let i = 0; i < PROMISES_DEEP; i++) await Promise.resolve();
      clock.advance(0);
    }
  };
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(left, 50));
      await settle();
    }
  };
  return { clock, hub, start, silence, kill, pass };
}

async function three() {
  const { clock, hub, start, silence, kill, pass } = world();
  const [a, b, c] = [start('a'), start('b'), start('c')];
  await pass(2000);
  expect([a.states(), b.states(), c.states()]).toEqual([
    ['b up', 'c up'],
    ['a up', 'c up'],
    ['a up', 'b up'],
  ]);
  for (const node of [a, b, c]) node.heard.length = 0;
  return { clock, hub, start, silence, kill, pass, a, b, c };
}

describe('a cluster over links', () => {
  it('knows the interest of all, after joins, a loss, a restart, a partition and a leave', async () => {
    const { hub, start, kill, pass, a, b, c } = await three();
    const wanting = (topic: string) => a.cluster.interest.match('default', topic).nodes.toSorted();
    b.cluster.ownInterest.set('default', 'x', { online: 1, away: 0 });
    c.cluster.ownInterest.set('default', 'x', { online: 1, away: 0 });
    await pass(200);
    expect(wanting('x')).toEqual(['b', 'c']);

    hub.cut('a', 'b');
    hub.heal('a', 'b');
    await pass(2000);
    expect(a.heard).toEqual([]);
    expect(a.cluster.link('b')?.info().losses).toBe(1);

    kill(b);
    await pass(500);
    expect(a.heard).toEqual(['down b 2']);
    expect(wanting('x')).toEqual(['c']);
    const again = start('b');
    again.cluster.ownInterest.set('default', 'y', { online: 1, away: 0 });
    await pass(2000);
    expect(a.heard).toEqual(['down b 2', 'joined b 4']);
    expect([wanting('x'), wanting('y')]).toEqual([['c'], ['b']]);

    hub.cut('a', 'c');
    await pass(60_000);
    expect(a.states()).toEqual(['b up', 'c down']);
    expect(wanting('x')).toEqual([]);
    hub.heal('a', 'c');
    await pass(40_000);
    expect(a.states()).toEqual(['b up', 'c up']);
    expect(wanting('x')).toEqual(['c']);

    a.heard.length = 0;
    const left = c.cluster.drain(new AbortController().signal);
    await pass(500);
    await left;
    expect(a.heard).toEqual(['leaving c 3', 'left c 3']);
    expect(a.states()).toEqual(['b up']);
    expect(wanting('x')).toEqual([]);
  });

  it('hears at once that a member is dead', async () => {
    const { kill, pass, a, b } = await three();
    kill(b);
    await pass(200);
    expect(a.heard).toEqual(['down b 2']);
  });

  it('hears within seconds that a member is silent', async () => {
    const { clock, silence, pass, a, b } = await three();
    const before = clock.now();
    silence('a', 'b');
    while (a.heard.length === 0 && clock.now() - before < 10_000) await pass(50);
    expect(a.heard).toEqual(['down b 2']);
    expect(clock.now() - before).toBeLessThanOrEqual(4000);
    await pass(1000);
    expect(b.heard).toEqual(['down a 1']);
  });

  it('does not let anybody in without the secret', async () => {
    const { start, pass } = world();
    const [a, b] = [start('a'), start('b', 'another')];
    await pass(5000);
    expect([a.states(), b.states()]).toEqual([[], []]);
    expect(a.cluster.status().refused.wrong_secret).toBeGreaterThan(0);
  });

  it('has no timers left when all of it has stopped', async () => {
    const { clock, pass, a, b, c } = await three();
    for (const { cluster, pool } of [a, b, c]) {
      cluster.stop();
      pool.stop();
    }
    await pass(50);
    expect(clock.pending).toBe(0);
  });
});
