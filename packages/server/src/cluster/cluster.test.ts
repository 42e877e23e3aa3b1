import { describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import type { LinkCloseReason } from '../peer/link-ports.ts';
import { CLUSTER_DEFAULTS } from './cluster-setup.ts';
import type { MemberChange } from './member.ts';
import { encodeMembers } from './members-frame.ts';
import { addressOf, SECRET, type StartOptions, three, world } from './testing/world.ts';

const { gossipMs, maxMembers } = CLUSTER_DEFAULTS;

describe('nodes that join', () => {
  it('get linked with all others, whomever they have joined at', async () => {
    const { start, pass } = world();
    const nodes = ['a', 'b', 'c', 'd', 'e', 'f'];
    const started = nodes.map((nodeId, i) => start(nodeId, { join: i === 0 ? [] : [nodes[i - 1]!] }));
    await pass(1000);
    for (const node of started) expect(node.in('up')).toEqual(nodes.filter((nodeId) => nodeId !== node.nodeId));
  });

  it('may name only each other', async () => {
    const { start, pass } = world();
    const [a, b] = [start('a', { join: ['b'] }), start('b', { join: ['a'] })];
    await pass(1000);
    expect([a.in('up'), b.in('up')]).toEqual([['b'], ['a']]);
    expect(a.heard).toEqual(['joined b 1']);
  });

  it('need one address at which somebody is, and try the others for ever', async () => {
    const { start, pass } = world();
    const a = start('a', { join: ['x', 'b', 'y', 'a'] });
    start('b');
    await pass(1000);
    expect(a.in('up')).toEqual(['b']);
    expect(a.cluster.status().sought.toSorted()).toEqual([addressOf('x'), addressOf('y')]);
    expect(a.cluster.status().refused).toEqual({});
    await pass(60_000);
    start('x');
    await pass(1000);
    expect(a.in('up')).toEqual(['b', 'x']);
  });

  it('drop an address quietly at which they find themselves', async () => {
    const { start, pass, links } = world();
    const a = start('a', { join: ['m'] });
    // Under an address of which it does not know that it is its own.
    links.alias(addressOf('m'), a.pool);
    await pass(1000);
    expect(a.cluster.status()).toMatchObject({ sought: [], refused: {}, sameIdentity: 0 });
    expect(a.log).toEqual([]);
  });

  it('know what the others want when they have settled; they wait for that, but not for ever', async () => {
    const { start, pass } = world();
    const others = ['b', 'c'].map((nodeId) => start(nodeId, { join: ['b'] }));
    for (const { cluster } of others) {
      for (let i = 0; i < 500; i++) cluster.ownInterest.set('default', `x/${i}`, { online: 1, away: 0 });
    }
    await pass(100);
    const settling = async (nodeId: string, join: string[]): Promise<number[]> => {
      const { cluster } = start(nodeId, { join });
      const filters: number[] = [];
      cluster.settled().then(() => filters.push(cluster.interest.filters()));
      await pass(2900);
      const early = filters.length;
      await pass(200);
      return [early, ...filters];
    };
    expect(await settling('a', ['c'])).toEqual([1, 1000]);
    expect(await settling('alone', [])).toEqual([1, 0]);
    expect(await settling('lost', ['nobody'])).toEqual([0, 0]);
  });

  it('list themselves first, with what they and the others want', async () => {
    const { a, pass } = await three();
    a.cluster.ownInterest.set('default', 'x/#', { online: 1, away: 0 });
    await pass(100);
    const own = { nodeId: 'a', incarnation: 1, state: 'up', self: true, link: null, filters: 1, groupMembers: 0 };
    const other = { nodeId: 'b', incarnation: 1, state: 'up', self: false, link: 'up', filters: 0 };
    expect(a.cluster.members().slice(0, 2)).toMatchObject([own, other]);
  });

  it('find each other, though only one of the two can dial the other, and it joined first', async () => {
    const { links, start, pass } = world();
    start('a');
    const b = start('b', { join: ['a'] });
    await pass(1000);
    const d = start('d', { join: ['a'] });
    links.bar(d.pool, b.pool);
    await pass(1000);
    // What d was told of b is of no use, and b was told before d came.
    expect([b.in('up'), d.in('up')]).toEqual([['a'], ['a']]);
    await pass(4 * gossipMs);
    expect([b.in('up'), d.in('up')]).toEqual([
      ['a', 'd'],
      ['a', 'b'],
    ]);
  });
});

describe('who is not of the cluster', () => {
  it.each<[string, StartOptions, LinkCloseReason]>([
    ['another secret', { secrets: ['another'] }, 'wrong_secret'],
    ['another name', { name: 'd' }, 'wrong_cluster'],
  ])('is refused, counted and logged by peer id: %s', async (_name, options, reason) => {
    const { start, pass } = world();
    const [a, b] = [start('a'), start('b', { join: ['a'], ...options })];
    await pass(900);
    expect([a.in('up'), b.in('up')]).toEqual([[], []]);
    expect(a.cluster.status().refused[reason]).toBeGreaterThan(3);
    expect(a.log.filter(({ event }) => event === `cluster_${reason}`)).toMatchObject([{ peerId: 'b', reason }]);
    expect(JSON.stringify(a.log)).not.toContain(SECRET);
  });

  it('is admitted while both secrets are valid', async () => {
    const { start, pass } = world();
    const a = start('a', { secrets: ['old', 'new'] });
    start('b', { join: ['a'], secrets: ['old'] });
    start('c', { join: ['a'], secrets: ['new', 'old'] });
    await pass(1000);
    expect(a.in('up')).toEqual(['b', 'c']);
  });
});

describe('two nodes with the same identity', () => {
  it('are reported, and the one that started later is the member', async () => {
    const { start, pass, a, b } = await three();
    const copy = start('b', { join: ['a'], incarnation: 2 });
    await pass(1000);
    expect(a.cluster.link('b')?.peer.incarnation).toBe(2);
    expect(a.heard).toEqual(['left b 1', 'joined b 2']);
    expect(copy.in('up')).toContain('a');
    for (const node of [a, b]) {
      expect(node.cluster.status().sameIdentity).toBeGreaterThan(0);
      expect(node.log.map(({ event }) => event)).toContain('same_identity');
    }
  });

  it('notice when another hears of the other', async () => {
    const { a } = await three();
    const body = encodeMembers([
      { nodeId: 'b', incarnation: 1, addresses: [] },
      { nodeId: 'a', incarnation: 2, addresses: [] },
    ]);
    a.pool.events!.onControl(a.pool.find('b')!, FrameType.Members, body, 0, body.length);
    expect(a.cluster.status().sameIdentity).toBe(1);
  });
});

describe('members', () => {
  it('are bounded: those that are down make room, others are not pushed out', async () => {
    const { start, pass } = world();
    const a = start('a', { options: { maxMembers: 5 } });
    start('b', { join: ['a'] });
    await pass(500);
    const made = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({
        nodeId: `x${from + i}`,
        incarnation: 1,
        addresses: ['/ip4/198.51.100.1/tcp/1'],
      }));
    const say = (from: number, count: number) => {
      const body = encodeMembers([{ nodeId: 'b', incarnation: 1, addresses: [addressOf('b')] }, ...made(from, count)]);
      a.pool.events!.onControl(a.pool.find('b')!, FrameType.Members, body, 0, body.length);
    };
    say(0, 100);
    expect(a.in('joining')).toHaveLength(4);
    await pass(500);
    expect(a.in('down')).toEqual(['x0', 'x1', 'x2', 'x3']);
    say(50, 2);
    expect(a.in('joining')).toEqual(['x50', 'x51']);
    expect(a.in('down')).toEqual(['x2', 'x3']);
    expect(a.pool.kept).toHaveLength(5);
    expect(a.in('up')).toEqual(['b']);
    expect(maxMembers).toBe(1000);
  });

  it('are told of to a listener until it has had enough', async () => {
    const { links, pass, a, b } = await three();
    const heard: MemberChange[] = [];
    const stop = a.cluster.onMember((change) => heard.push(change));
    links.crash(b.pool);
    await pass(500);
    expect(heard).toMatchObject([{ kind: 'down', member: { nodeId: 'b', state: 'down', link: null } }]);
    stop();
    links.crash(a.pool);
    await pass(500);
    expect(heard).toHaveLength(1);
  });
});
