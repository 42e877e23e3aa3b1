import { afterEach, describe, expect, it } from 'vitest';
import { type PoolNode, PoolWorld } from '../testing/pool-world.ts';

let world: PoolWorld;
afterEach(() => world.stop());

/** The same link on both ends, and no other channel left over. */
function expectOneLink(a: PoolNode, b: PoolNode): void {
  const [ab, ba] = [a.pool.info('cluster', b.peerId), b.pool.info('cluster', a.peerId)];
  expect([ab?.state, ba?.state]).toEqual(['up', 'up']);
  expect(sessionOf(a, b)).toBe(sessionOf(b, a));
  expect(new Set([ab?.direction, ba?.direction]).size).toBe(2);
  expect([a.pool.size, b.pool.size]).toEqual([1, 1]);
}

function sessionOf(a: PoolNode, b: PoolNode): number {
  return (a.link(b) as unknown as { session: number }).session;
}

describe('two nodes that dial each other at the same time', () => {
  it('get one link: that of the smaller peer id', async () => {
    world = new PoolWorld();
    const [a, b] = [world.node('a'), world.node('b')];
    const both = [a.pool.getOrCreate('cluster', b.target), b.pool.getOrCreate('cluster', a.target)];
    await world.settle();
    await Promise.all(both);
    expectOneLink(a, b);
    expect(a.pool.info('cluster', 'b')?.direction).toBe('outbound');
    expect([a.events.take(), b.events.take()]).toEqual([['up b'], ['up a']]);
    expect(a.pool.counters.refusals.size + b.pool.counters.refusals.size).toBe(0);
  });

  it('get one link when neither knows whom it dials', async () => {
    world = new PoolWorld();
    const [a, b] = [world.node('a'), world.node('b')];
    a.pool.keep('cluster', { peerId: null, addresses: b.network.addresses });
    b.pool.keep('cluster', { peerId: null, addresses: a.network.addresses });
    await world.pass(1000);
    expectOneLink(a, b);
    expect([a.events.take(), b.events.take()]).toEqual([['up b'], ['up a']]);
  });

  it('get one link, without a loss, whatever comes first', async () => {
    for (let seed = 0; seed < 300; seed++) {
      let state = seed + 1;
      const random = () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
      };
      world = new PoolWorld(random, (count) => Math.floor(random() * count));
      const [a, b] = [world.node('a'), world.node('b')];
      const results: unknown[] = [];
      for (const [from, to] of random() < 0.5
        ? ([
            [a, b],
            [b, a],
          ] as const)
        : ([
            [b, a],
            [a, b],
          ] as const)) {
        const target = random() < 0.5 ? to.target : { ...to.target, peerId: null };
        from.pool.getOrCreate('cluster', target).then(
          (link) => results.push(link),
          (error) => results.push(error),
        );
      }
      await world.pass(1000);
      expect(new Set(results), `seed ${seed}`).toEqual(new Set([a.link(b), b.link(a)]));
      expectOneLink(a, b);
      expect([a.events.take(), b.events.take()], `seed ${seed}`).toEqual([['up b'], ['up a']]);
      for (const node of world.nodes) node.pool.stop();
      expect(world.clock.pending).toBe(0);
    }
  });
});

describe('a peer that comes while its old channel seems alive', () => {
  for (const [broken, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    for (const dialler of ['a', 'b'] as const) {
      it(`is let in at once: ${broken} has lost what ${dialler} had dialled`, async () => {
        world = new PoolWorld();
        const nodes = { a: world.node('a'), b: world.node('b') };
        const [from, to] = dialler === 'a' ? [nodes.a, nodes.b] : [nodes.b, nodes.a];
        await Promise.all([from.pool.getOrCreate('cluster', to.target), world.settle()]);
        const session = sessionOf(nodes.a, nodes.b);
        nodes[broken].network.breakHere();
        expect(nodes[other].link(nodes[broken])?.state).toBe('up');
        await Promise.all([nodes[broken].pool.getOrCreate('cluster', nodes[other].target), world.settle()]);
        expectOneLink(nodes.a, nodes.b);
        expect(sessionOf(nodes.a, nodes.b)).toBe(session);
        expect(nodes[other].events.take().at(-1)).toBe(`resumed ${broken}`);
      });
    }
  }

  it('does not come after a later start of itself', async () => {
    for (let steps = 1; steps < 14; steps++) {
      world = new PoolWorld();
      const [a, early] = [world.node('a'), world.node('b')];
      early.pool.getOrCreate('cluster', a.target).catch(() => {});
      for (let i = 0; i < steps; i++) await world.step();
      world.hub.freeze('a', 'b');
      const late = world.node('b');
      await Promise.all([late.pool.getOrCreate('cluster', a.target), world.settle()]);
      world.hub.heal('a', 'b');
      await world.settle();
      expect(a.pool.info('cluster', 'b')?.incarnation, `after ${steps} steps`).toBe(late.incarnation);
      for (const node of world.nodes) node.pool.stop();
      await world.settle();
    }
  });

  it('starts anew where it has forgotten the link', async () => {
    world = new PoolWorld();
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    a.network.breakHere();
    a.pool.remove('cluster', 'b');
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    expectOneLink(a, b);
    expect(b.events.take()).toEqual(['up a', 'closed a forgotten', 'up a']);
  });
});
