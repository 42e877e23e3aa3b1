import { afterEach, describe, expect, it } from 'vitest';
import { FrameType } from '../../peer/frame-types.ts';
import { FakeAuthority, FakeRealms } from '../../testing/fake-realms.ts';
import { encodeSigned } from './link-frames.ts';
import { MeshWorld, type TestPeer } from './testing/world.ts';

let world: MeshWorld;
afterEach(() => world.stop());

const realmsOf = (of: TestPeer, other: TestPeer) =>
  of.links.peers().find(({ peerId }) => peerId === other.id)?.realms ?? [];
const isWhole = (a: TestPeer, b: TestPeer) => [realmsOf(a, b), realmsOf(b, a)];

describe('tokens', () => {
  it('are shown by who has dialled first, and nothing else before', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a', { cluster: 'one' }), world.peer('b')];
    b.want('r', 'x/#');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(isWhole(a, b)).toEqual([['r'], ['r']]);
    const seen = world.seen();
    expect(seen[0]).toBe('a>b 40');
    expect(seen.slice(1, 3)).toEqual(['b>a 40', 'b>a 42']);
    expect(seen.filter((each) => each.endsWith('40'))).toHaveLength(2);
    expect([b.links.clusterOf('r', 'a'), a.links.clusterOf('r', 'b')]).toEqual(['one', 'b']);
    expect(a.links.maySend('r', 'b') && b.links.maySend('r', 'a')).toBe(true);
    expect(a.match('r', 'x/1')).toEqual(['b']);
  });

  it('that are shown again and again in one turn have everything said once', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    a.want('r', 'x/#');
    a.links.tell('r', '/x', b.target);
    await world.settle();
    const token = b.realms.get('r')!.token!.bytes;
    const before = world.seen().length;
    for (let i = 0; i < 50; i++) b.link(a)!.control(FrameType.MeshToken, encodeSigned('r', token));
    await world.settle();
    const said = world.seen().slice(before);
    expect(said.filter((each) => each === 'b>a 40')).toHaveLength(50);
    // The network may hand them out in a few pieces.
    expect(said.filter((each) => each === 'a>b 43').length).toBeLessThan(5);
    expect(said.filter((each) => each === 'a>b 42').length).toBeLessThan(5);
  });

  it('of other realms are not shown', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    world.give(a, 'only-a');
    world.give(b, 'only-b');
    await world.link(a, b);
    expect(isWhole(a, b)).toEqual([['r'], ['r']]);
    for (const { body } of world.frames) expect(body.includes('only-')).toBe(false);
  });

  it('of two realms, messages and filters of one say nothing in the other', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    world.give(a, 's');
    world.give(b, 's');
    b.want('s', 'x');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b true']);
    expect([a.match('r', 'x'), a.match('s', 'x')]).toEqual([[], []]);
  });

  const bad: [string, string, (a: TestPeer) => void][] = [
    [
      'revoked',
      'revoked',
      () => {
        const authority = world.authority('r');
        world.peers[1]!.realms.learnRevocations('r', authority.revoke(1));
      },
    ],
    [
      'forged',
      'forged',
      (a) => {
        const good = world.authority('r').issue('a');
        a.realms.hold(world.authority('r'), bent(good));
      },
    ],
    ['stolen', 'stolen', (a) => a.realms.hold(world.authority('r'), world.authority('r').issue('c'))],
    [
      'of another authority',
      'forged',
      (a) => {
        const other = new FakeAuthority('r', world.clock, 'another');
        a.realms.hold(world.authority('r'), other.issue('a'));
      },
    ],
    [
      'not yet valid',
      'not_yet_valid',
      (a) => {
        const token = world.authority('r').issue('a', { fromMs: 60_000 });
        a.realms.hold(world.authority('r'), token);
        a.realms.problem = () => null;
      },
    ],
    [
      'expired',
      'expired',
      (a) => {
        const token = world.authority('r').issue('a', { ttlMs: -1 });
        a.realms.hold(world.authority('r'), token);
        a.realms.problem = () => null;
      },
    ],
  ];
  it.each(bad)('that are %s are counted, learn nothing, and end the link', async (_name, reason, spoil) => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    b.want('r', 'secret/topic');
    spoil(a);
    await world.link(a, b);
    expect(b.refused(reason)).toBe(1);
    expect(world.frames.filter(({ from }) => from === 'b')).toEqual([]);
    expect(b.links.maySend('r', 'a')).toBe(false);
    const link = b.link(a)!;
    expect(b.links.accepts(link, 'r', 'x')).toBe(false);
    await world.pass(4900);
    expect(b.link(a)).not.toBeNull();
    await world.pass(200);
    expect([a.link(b), b.link(a)]).toEqual([null, null]);
    expect(b.events.lines.at(-1)).toBe('closed a not_admitted');
    expect(world.frames.filter(({ from }) => from === 'b')).toEqual([]);
  });

  it('of whoever answers are checked as well', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    a.want('r', 'secret/topic');
    b.realms.hold(world.authority('r'), world.authority('r').issue('c'));
    a.links.tell('r', '/secret/topic', b.target);
    await world.settle();
    expect(a.refused('stolen')).toBe(1);
    expect(world.frames.filter(({ from, type }) => from === 'a' && type !== FrameType.MeshToken)).toEqual([]);
  });

  it('of a realm that is not federated, or is not the one that is named, are worth nothing', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    world.give(a, 's');
    await world.link(a, b);
    a.link(b)!.control(FrameType.MeshToken, encodeSigned('s', world.authority('s').issue('a').bytes));
    await world.settle();
    expect(b.refused('foreign_realm')).toBe(1);
    expect(isWhole(a, b)).toEqual([['r'], ['r']]);
    world.give(b, 's');
    await world.settle();
    await world.link(a, b);
    a.link(b)!.control(FrameType.MeshToken, encodeSigned('s', world.authority('r').issue('a').bytes));
    await world.settle();
    expect(b.refused('malformed')).toBe(1);
    expect(realmsOf(b, a)).toEqual(['r']);
  });

  it('that are renewed are shown again by themselves, and rights go on', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a', { ttlMs: 10_000 }), world.peer('b')];
    a.links.ask('r', '/x', b.target);
    b.want('r', 'x');
    await world.settle();
    await world.pass(9000);
    world.give(a, 'r', { ttlMs: 60_000 });
    await world.pass(9000);
    expect(isWhole(a, b)).toEqual([['r'], ['r']]);
    expect(a.match('r', 'x')).toEqual(['b']);
    expect(a.answers).toEqual(['r/x b true']);
    b.want('r', 'x/+');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.match('r', 'x/1')).toEqual(['b']);
  });

  it("end a link's rights at the moment they expire, and the link after that", async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a', { ttlMs: 60_000 }), world.peer('b', { ttlMs: 20_000 })];
    b.want('r', 'x');
    a.links.ask('r', '/x', b.target);
    await world.pass(19_950);
    expect(a.match('r', 'x')).toEqual(['b']);
    expect(a.links.accepts(a.link(b)!, 'r', 'x')).toBe(true);
    await world.pass(50);
    expect(a.match('r', 'x')).toEqual([]);
    expect(a.links.accepts(a.link(b)!, 'r', 'x')).toBe(false);
    expect([a.links.maySend('r', 'b'), a.links.link('b')]).toEqual([false, null]);
    expect(a.refused('expired')).toBe(1);
    await world.pass(5100);
    expect(a.link(b)).toBeNull();
  });

  it('that were renewed too late bring everything back', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b', { ttlMs: 20_000 })];
    b.want('r', 'x');
    a.links.ask('r', '/x', b.target);
    await world.pass(22_000);
    expect(a.match('r', 'x')).toEqual([]);
    world.give(b, 'r');
    await world.pass(1000);
    expect(isWhole(a, b)).toEqual([['r'], ['r']]);
    expect(a.match('r', 'x')).toEqual(['b']);
    await world.pass(10_000);
    expect(a.link(b)).not.toBeNull();
  });

  it('of a realm that a node gets only later are shown over a new link', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    world.give(a, 's');
    b.realms.hold(world.authority('s'), null);
    await world.link(a, b);
    world.give(b, 's');
    await world.settle();
    a.links.ask('s', '/x', b.target);
    await world.settle();
    expect(isWhole(a, b)).toEqual([
      ['r', 's'],
      ['r', 's'],
    ]);
    expect(a.answers).toEqual(['s/x b true']);
  });
});

describe('revocations', () => {
  it('end rights over all links at once, are passed on, and once', async () => {
    world = new MeshWorld();
    const [a, b, c] = [world.peer('a'), world.peer('b'), world.peer('c')];
    for (const each of [a, b, c]) each.want('r', 'x');
    a.links.ask('r', '/x', c.target);
    b.links.ask('r', '/x', a.target);
    b.links.ask('r', '/x', c.target);
    await world.settle();
    expect([a.match('r', 'x'), b.match('r', 'x')]).toEqual([['c'], ['a', 'c']]);
    a.realms.learnRevocations('r', world.authority('r').revoke(3));
    await world.settle();
    expect([a.match('r', 'x'), b.match('r', 'x')]).toEqual([[], ['a']]);
    expect([a.refused('revoked'), b.refused('revoked')]).toEqual([1, 1]);
    const lists = world.frames.filter(({ type }) => type === FrameType.MeshRevocations).length;
    expect(lists).toBeLessThanOrEqual(4);
    await world.pass(6000);
    expect([a.link(c), b.link(c)]).toEqual([null, null]);
    expect(b.link(a)).not.toBeNull();
  });

  it('come with the tokens of a new link', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    a.realms.learnRevocations('r', world.authority('r').revoke(77));
    await world.link(b, a);
    expect(b.realms.revocations('r')?.number).toBe(1);
  });

  it('that are too old are renewed by a peer, either way, and rights begin with that', async () => {
    for (const dialler of [0, 1]) {
      world = new MeshWorld();
      const [a, b] = [world.peer('a'), world.peer('b')];
      b.want('r', 'x');
      b.realms.setStale('r', true);
      a.realms.learnRevocations('r', world.authority('r').revoke(77));
      await world.link([a, b][dialler]!, [b, a][dialler]!);
      expect(isWhole(a, b)).toEqual([['r'], ['r']]);
      expect(b.refused('revocations_stale')).toBeLessThanOrEqual(1);
      a.links.ask('r', '/x', b.target);
      await world.settle();
      expect(a.match('r', 'x')).toEqual(['b']);
      if (dialler === 0) await world.stop();
    }
  });
});

describe('a token that did not hold for a while', () => {
  it('brings back what was said meanwhile', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    a.want('r', 'x');
    a.links.tell('r', '/x', { peerId: 'b', addresses: [] });
    b.realms.setStale('r', true);
    await world.link(b, a);
    expect([realmsOf(a, b), realmsOf(b, a), b.refused('no_rights')]).toEqual([['r'], [], 2]);
    b.realms.setStale('r', false);
    await world.settle();
    expect(isWhole(a, b)).toEqual([['r'], ['r']]);
    expect(b.match('r', 'x')).toEqual(['a']);
  });
});

describe('links', () => {
  it('come to nothing between nodes without a realm in common', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.bare('b')];
    world.give(b, 's');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b false']);
    expect(b.node.pool.counters.refusals.get('no_common_realm')).toBe(1);
  });

  it('come to nothing with who has the tags of a realm and not its secret', async () => {
    world = new MeshWorld();
    const a = world.peer('a');
    const realms = new FakeRealms(world.clock);
    const b = world.bare('b', { realms });
    world.give(b, 'r');
    const greeting = b.links.gatekeeper.greeting();
    realms.hold(world.authority('r'), null);
    b.links.gatekeeper.greeting = () => greeting;
    b.links.gatekeeper.welcomes = () => null;
    b.links.gatekeeper.prove = () => Buffer.concat([greeting, Buffer.alloc(32)]);
    b.node.pool.getOrCreate('mesh', a.target).catch(() => {});
    await world.settle();
    expect(a.node.pool.counters.refusals.get('not_admitted')).toBe(1);
    expect(a.links.peers()).toEqual([]);
  });
});

/** The same token with a byte changed. */
function bent<T extends { readonly bytes: Uint8Array }>(token: T): T {
  const bytes = Uint8Array.from(token.bytes);
  bytes[bytes.length - 3]! ^= 1;
  return Object.assign(Object.create(Object.getPrototypeOf(token)), token, { bytes });
}
