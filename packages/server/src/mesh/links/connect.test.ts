import { afterEach, describe, expect, it } from 'vitest';
import { FrameType } from '../../peer/frame-types.ts';
import { encodeSigned } from './link-frames.ts';
import { MeshWorld, type TestPeer } from './testing/world.ts';

let world: MeshWorld;
afterEach(() => world.stop());

/** `a` knows what `b` wants, and the link has ended. */
async function parted(reason: 'evicted' | 'leaving' = 'evicted'): Promise<[TestPeer, TestPeer]> {
  world = new MeshWorld();
  const [a, b] = [world.peer('a'), world.peer('b')];
  b.want('r', 'x');
  a.links.ask('r', '/x', b.target);
  await world.settle();
  b.link(a)!.close(reason);
  await world.settle();
  expect([a.link(b), b.link(a)]).toEqual([null, null]);
  return [a, b];
}

/** Of `connect`, with how many of the peer's filters were known then. */
function connecting(a: TestPeer, b: TestPeer): string[] {
  const outcomes: string[] = [];
  a.links.connect(b.id, (link) => outcomes.push(link === null ? 'none' : `${link.peer.peerId} ${a.match('r', 'x/1')}`));
  return outcomes;
}

describe('what a peer has told', () => {
  it('is kept after its link, for a while', async () => {
    const [a] = await parted();
    expect([a.match('r', 'x'), a.links.link('b'), a.links.maySend('r', 'b')]).toEqual([['b'], null, true]);
    expect(a.links.peers()).toMatchObject([{ peerId: 'b', link: 'none', filters: 1, realms: [] }]);
    await world.pass(299_000);
    expect(a.match('r', 'x')).toEqual(['b']);
    const changes = a.remoteChanges.length;
    await world.pass(1100);
    expect([a.match('r', 'x'), a.links.peers(), a.links.isAnswered('r', '/x', 'b')]).toEqual([[], [], false]);
    expect(a.remoteChanges.length).toBeGreaterThan(changes);
  });

  it('does not bring a link back that was evicted', async () => {
    const [a, b] = await parted();
    const dials = a.node.network.dials.length;
    b.want('r', 'x/+');
    a.links.ask('r', '/x', b.target);
    await world.pass(10_000);
    expect([a.node.network.dials.length, a.link(b)]).toEqual([dials, null]);
    expect(a.answers).toEqual(['r/x b true', 'r/x b true']);
  });

  it('is forgotten when its token holds no more', async () => {
    const [a] = await parted();
    a.realms.learnRevocations('r', world.authority('r').revoke(2));
    await world.settle();
    expect([a.match('r', 'x'), a.links.maySend('r', 'b')]).toEqual([[], false]);
  });

  it('is forgotten at once when the peer is another start of it', async () => {
    const [a, b] = await parted();
    b.links.stop();
    b.node.pool.stop();
    const again = world.peer('b');
    await world.link(a, again);
    expect([a.match('r', 'x'), a.answers]).toEqual([[], ['r/x b true', 'r/x b true']]);
    again.want('r', 'x/+');
    await world.settle();
    expect(a.match('r', 'x/1')).toEqual(['b']);
    expect(a.links.peers()).toMatchObject([{ peerId: 'b', link: 'up' }]);
  });

  it('is kept when the peer is another start of it, but speaks for a cluster: until it has said everything again', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b', { cluster: 'one' })];
    b.want('r', 'x');
    b.links.tell('r', '/x', a.target);
    await world.settle();
    b.links.stop();
    b.node.pool.stop();
    await world.settle();
    const again = world.peer('b', { cluster: 'one' });
    const matches: string[][] = [];
    const { onControl } = a.linkEvents;
    a.linkEvents.onControl = (...frame) => {
      matches.push(a.match('r', 'x'));
      onControl.apply(a.linkEvents, frame);
    };
    await world.link(again, a);
    expect(matches.length).toBeGreaterThan(0);
    for (const match of matches) expect(match).toEqual(['b']);
    expect(a.match('r', 'x')).toEqual([]);
  });

  it('and not said again over the next link is forgotten', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    b.want('r', 'x', 'y');
    b.links.tell('r', '/x', a.target);
    b.links.tell('r', '/y', a.target);
    await world.settle();
    expect(a.links.remote.size).toBe(2);
    world.pools.hub.cut('a', 'b');
    await world.pass(4000);
    b.unwant('r', 'x');
    await world.settle();
    expect(a.links.remote.size).toBe(2);
    world.pools.hub.heal('a', 'b');
    await world.link(a, b);
    expect([a.match('r', 'x'), a.match('r', 'y')]).toEqual([[], ['b']]);
  });
});

describe('a pool that dials as many as it may', () => {
  it('says nothing of a peer that has to wait: it is dialled when there is room', async () => {
    world = new MeshWorld();
    const a = world.peer('a', {}, { pool: { maxDials: 2 } });
    const others = ['b', 'c', 'd', 'e', 'f'].map((id) => world.peer(id));
    for (const other of others) a.links.ask('r', '/x', other.target);
    await world.pass(2000);
    expect(a.answers.sort()).toEqual(others.map(({ id }) => `r/x ${id} true`));
    for (const other of others) other.link(a)!.close('evicted');
    await world.settle();
    const connected = others.map((other) => connecting(a, other));
    await world.pass(2000);
    expect(connected.flat()).toHaveLength(5);
    expect(connected.flat()).not.toContain('none');
  });
});

describe('connect', () => {
  it('dials once for all that wait, and waits until the peer has said its filters again', async () => {
    const [a, b] = await parted();
    b.want('r', 'x/+');
    const dials = a.node.network.dials.length;
    const [one, other] = [connecting(a, b), connecting(a, b)];
    await world.settle();
    expect([one, other]).toEqual([['b b'], ['b b']]);
    expect(a.node.network.dials).toHaveLength(dials + 1);
    expect(a.links.link('b')).toBe(a.link(b));
    const third = connecting(a, b);
    expect(third).toEqual([]);
    await world.settle();
    expect(third).toEqual(['b b']);
  });

  it('does not wait for ever for a peer that begins to say everything anew, and does not go on', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    await world.link(a, b);
    await world.pass(6000);
    // Its pool says it, and what would say the rest has gone.
    b.links.stop();
    b.linkEvents.onControl = () => {};
    b.link(a)!.control(FrameType.MeshToken, encodeSigned('r', b.realms.get('r')!.token!.bytes));
    await world.pass(1);
    const outcomes = connecting(a, b);
    await world.pass(6000);
    expect(outcomes).toEqual(['b ']);
  });

  it('gives up on a peer that nobody knows, and on one that cannot be reached twice, which is forgotten then', async () => {
    const [a, b] = await parted();
    const strange = connecting(a, { id: 'c' } as TestPeer);
    world.pools.hub.cut('a', 'b');
    const outcomes = connecting(a, b);
    await world.settle();
    expect([strange, outcomes, a.match('r', 'x')]).toEqual([['none'], [], ['b']]);
    await world.pass(1000);
    expect([outcomes, a.match('r', 'x')]).toEqual([['none'], []]);
  });

  it.each([true, false])(
    'waits, for a node that spoke for its cluster alone, until another does, or has had the time to: %s',
    async (isTakenOver) => {
      world = new MeshWorld();
      const [a, b, c] = [world.peer('a'), world.peer('b', { cluster: 'one' }), world.peer('c', { cluster: 'one' })];
      for (const peer of [b, c]) peer.want('r', 'x');
      a.links.ask('r', '/x', b.target);
      await world.settle();
      world.pools.hub.cut('a', 'b');
      b.link(a)!.close('evicted');
      await world.pass(4000);
      const outcomes = connecting(a, b);
      await world.pass(2000);
      expect([outcomes, a.match('r', 'x')]).toEqual([[], ['b']]);
      if (isTakenOver) c.links.tell('r', '/x', a.target);
      await world.pass(2000);
      expect([outcomes, a.match('r', 'x')]).toEqual(isTakenOver ? [['none'], ['c']] : [[], ['b']]);
      await world.pass(6000);
      expect([outcomes, a.match('r', 'x')]).toEqual([['none'], isTakenOver ? ['c'] : []]);
    },
  );

  it('tries again after the first failure', async () => {
    const [a, b] = await parted();
    world.pools.hub.cut('a', 'b');
    const outcomes = connecting(a, b);
    await world.settle();
    world.pools.hub.heal('a', 'b');
    await world.pass(1000);
    expect(outcomes).toEqual(['b ']);
    expect(a.match('r', 'x')).toEqual(['b']);
  });

  it('takes a link that is there already, if it has rights', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    await world.link(b, a);
    const outcomes = connecting(a, b);
    await world.settle();
    expect(outcomes).toEqual(['b ']);
  });

  it('waits no longer than 5 s for a peer that says nothing', async () => {
    const [a, b] = await parted();
    const { onControl } = b.linkEvents;
    let muted = false;
    b.linkEvents.onControl = (link, type, ...rest) => {
      if (!muted || type !== 42) onControl.call(b.linkEvents, link, type, ...rest);
    };
    muted = true;
    const outcomes = connecting(a, b);
    await world.pass(4900);
    expect(outcomes).toEqual([]);
    await world.pass(200);
    expect(outcomes).toHaveLength(1);
    expect(a.answers.at(-1)).toBe('r/x b false');
    expect(a.match('r', 'x')).toEqual([]);
  });

  it('finds no link with a peer whose token is worth nothing now', async () => {
    const [a, b] = await parted();
    b.realms.hold(world.authority('r'), world.authority('r').issue('c'));
    const outcomes = connecting(a, b);
    await world.pass(6000);
    expect(outcomes).toEqual(['none']);
    expect([a.match('r', 'x'), a.links.maySend('r', 'b')]).toEqual([[], false]);
  });
});

describe('a channel that is lost', () => {
  it('takes nothing away, and everything is said anew over the next', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    b.want('r', 'x', 'y');
    a.links.ask('r', '/x', b.target);
    b.links.tell('r', '/y', a.target);
    await world.settle();
    world.pools.hub.cut('a', 'b');
    await world.settle();
    expect(a.links.peers()).toMatchObject([{ link: 'lost', realms: ['r'], filters: 2 }]);
    b.unwant('r', 'x');
    b.want('r', 'x/+', 'y/#');
    b.links.tell('r', '/y', a.target);
    world.give(b, 'r');
    await world.settle();
    world.pools.hub.heal('a', 'b');
    await world.link(a, b);
    expect(a.events.lines).toContain('resumed b');
    expect([a.match('r', 'x'), a.match('r', 'x/1'), a.match('r', 'y/1')]).toEqual([[], ['b'], ['b']]);
    expect(a.answers).toEqual(['r/x b true']);
  });

  it('is opened again for a question, and for a link that is looked for', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    b.want('r', 'x');
    await world.link(a, b);
    a.node.network.breakHere();
    await world.settle();
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b true']);
    expect(a.events.lines).toEqual(['up b', 'lost b channel_lost', 'resumed b']);
    a.node.network.breakHere();
    expect(a.links.link('b')?.state).toBe('lost');
    await world.settle();
    expect(a.links.link('b')?.state).toBe('up');
  });
});

describe('the router', () => {
  it('hears of links and gets messages', async () => {
    world = new MeshWorld();
    const [a, b] = [world.peer('a'), world.peer('b')];
    await world.link(a, b);
    a.links.link('b')!.loose(64, Buffer.from('he'), Buffer.from('llo'), 0, 3, 1);
    await world.settle();
    a.link(b)!.close('removed');
    await world.settle();
    expect(b.events.lines).toEqual(['up a', 'data a hello', 'closed a removed']);
  });

  it('is not given a link that is being evicted', async () => {
    world = new MeshWorld();
    const a = world.peer('a', {}, { pool: { maxLinks: 1 } });
    const [b, c] = [world.peer('b'), world.peer('c')];
    b.want('r', 'x');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    const met: unknown[] = [];
    b.events.onData = () => false;
    a.links.link('b')!.held(64, Buffer.from('h'), Buffer.from('b'), { meet: (...by) => met.push(by) }, 1);
    await world.settle();
    await world.link(a, c);
    expect([a.links.link('b'), a.match('r', 'x')]).toEqual([null, ['b']]);
    const outcomes = connecting(a, b);
    await world.settle();
    expect(outcomes).toEqual(['b ']);
  });
});
