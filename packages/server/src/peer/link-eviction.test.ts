import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PoolNode, PoolWorld } from '../testing/pool-world.ts';

let world: PoolWorld;
beforeEach(() => {
  world = new PoolWorld();
});
afterEach(() => world.stop());

async function connect(from: PoolNode, to: PoolNode): Promise<void> {
  await Promise.all([from.pool.getOrCreate('cluster', to.target), world.settle()]);
}

const peersOf = (node: PoolNode): string[] => node.pool.list().map(({ peerId }) => peerId);

describe('more links than there may be', () => {
  it('evict the one not used for longest, whoever made it', async () => {
    const a = world.node('a', { maxLinks: 3 });
    const [b, c, d, e] = ['b', 'c', 'd', 'e'].map((id) => world.node(id)) as [PoolNode, PoolNode, PoolNode, PoolNode];
    await connect(a, b);
    await world.pass(10);
    await connect(c, a);
    await world.pass(10);
    await connect(a, d);
    await world.pass(10);
    await connect(a, b);
    await connect(a, e);
    expect(peersOf(a)).toEqual(['b', 'd', 'e']);
    await world.pass(200);
    expect(c.events.take()).toEqual(['up a', 'closed a evicted']);
    expect(a.events.take()).toContain('closed c evicted');
    expect(a.pool.counters.evictions).toBe(1);
  });

  it('count as used when frames come or go', async () => {
    const a = world.node('a', { maxLinks: 2 });
    const [b, c, d] = ['b', 'c', 'd'].map((id) => world.node(id)) as [PoolNode, PoolNode, PoolNode];
    await connect(a, b);
    await world.pass(200);
    await connect(a, c);
    await world.pass(200);
    b.link(a)!.control(16, Buffer.from('still here'));
    await world.pass(200);
    await connect(a, d);
    expect(peersOf(a)).toEqual(['b', 'd']);
  });

  it('leave those alone that are kept, and do not count them', async () => {
    const a = world.node('a', { maxLinks: 1 });
    const [b, c, d] = ['b', 'c', 'd'].map((id) => world.node(id)) as [PoolNode, PoolNode, PoolNode];
    const kept = a.pool.keep('cluster', b.target);
    await world.pass(100);
    await connect(a, c);
    expect(peersOf(a)).toEqual(['b', 'c']);
    expect(a.pool.list().map(({ pinned }) => pinned)).toEqual([true, false]);
    await connect(a, d);
    expect(peersOf(a)).toEqual(['b', 'd']);
    await world.pass(100);
    kept.stop();
    expect(peersOf(a)).toEqual(['b']);
    expect(a.pool.list().map(({ pinned }) => pinned)).toEqual([false]);
  });

  it('are over before there is another with the same peer', async () => {
    const a = world.node('a', { maxLinks: 1 });
    const [b, c] = [world.node('b'), world.node('c')];
    await connect(a, b);
    world.hub.freeze('a', 'b');
    const met: number[] = [];
    a.link(b)!.held(64, Buffer.alloc(0), Buffer.from('x'), { meet: (slot) => met.push(slot) }, 1);
    await connect(a, c);
    await connect(a, b);
    expect(a.events.take().filter((line) => line.includes(' b'))).toEqual(['up b', 'closed b forgotten', 'up b']);
    await world.pass(4000);
    expect(met).toEqual([1]);
    expect(a.events.take().filter((line) => line.includes(' b'))).toEqual([]);
  });

  it('send what waits first, and hear the answers', async () => {
    const a = world.node('a', { maxLinks: 1 });
    const [b, c] = [world.node('b'), world.node('c')];
    await connect(a, b);
    const met: number[] = [];
    for (let i = 0; i < 100; i++) {
      a.link(b)!.held(64, Buffer.alloc(0), Buffer.from(`${i}`), { meet: (slot) => met.push(slot) }, i);
    }
    await connect(a, c);
    await world.pass(200);
    expect(met).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const heard = b.events.take();
    expect(heard).toHaveLength(102);
    expect(heard.at(-1)).toBe('closed a evicted');
  });
});
