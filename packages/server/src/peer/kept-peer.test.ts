import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PoolWorld } from '../testing/pool-world.ts';

let world: PoolWorld;
beforeEach(() => {
  world = new PoolWorld();
});
afterEach(() => world.stop());

const B = { peerId: 'b', addresses: ['/memory/b'] };

describe('a link that is kept', () => {
  it('is dialled at once, and again at once when it is lost', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.pool.keep('cluster', b.target);
    await world.pass(1500);
    expect(a.events.take()).toEqual(['up b']);
    a.network.breakHere();
    await world.pass(50);
    expect(a.events.take()).toEqual(['lost b channel_lost', 'resumed b']);
    a.pool.remove('cluster', 'b');
    await world.pass(1500);
    expect(a.events.take()).toEqual(['closed b removed', 'up b']);
  });

  it('is dialled at once also when it was up for a moment only, after having been away for long', async () => {
    const a = world.node('a');
    a.pool.keep('cluster', B);
    await world.pass(20_000);
    const b = world.node('b');
    await Promise.all([b.pool.getOrCreate('cluster', a.target), world.settle()]);
    await world.pass(300);
    a.events.take();
    world.hub.kill('b');
    await world.pass(50);
    expect(a.events.take()).toEqual(['lost b channel_lost', 'unreachable b peer_refused']);
  });

  it('is dialled with growing delay, up to 10 s, and each failure is told', async () => {
    const a = world.node('a');
    a.pool.keep('cluster', B);
    const times: number[] = [];
    for (let count = 0; times.length < 12; ) {
      await world.pass(50);
      if (a.network.dials.length > count) times.push(world.clock.now());
      count = a.network.dials.length;
    }
    const delays = times.slice(1).map((at, i) => at - times[i]!);
    // With a half for chance, three quarters of 100 ms, doubled; within the 50 ms of this clock.
    const expected = [75, 150, 300, 600, 1200, 2400, 4800, 7500, 7500, 7500, 7500];
    for (const [i, delay] of delays.entries()) expect(Math.abs(delay - expected[i]!)).toBeLessThanOrEqual(50);
    expect(a.events.take()).toEqual(Array(12).fill('unreachable b peer_refused'));
  });

  it('comes when the peer does, whoever dials, and then stays quiet', async () => {
    const a = world.node('a');
    a.pool.keep('cluster', B);
    await world.pass(20_000);
    a.events.take();
    const b = world.node('b');
    await Promise.all([b.pool.getOrCreate('cluster', a.target), world.settle()]);
    expect(a.events.take()).toEqual(['up b']);
    const { length } = a.network.dials;
    await world.pass(11_000);
    expect(a.network.dials).toHaveLength(length);
    expect(a.pool.info('cluster', 'b')?.pinned).toBe(true);
  });

  it('is tried at once when it is to hurry, or has another address', async () => {
    const a = world.node('a');
    const kept = a.pool.keep('cluster', { peerId: 'b', addresses: ['/memory/old'] });
    await world.pass(20_000);
    const { length } = a.network.dials;
    kept.hurry();
    await world.pass(50);
    expect(a.network.dials).toHaveLength(length + 1);
    world.node('b');
    kept.update(['/memory/b']);
    await world.pass(50);
    expect(a.network.dials).toHaveLength(length + 2);
    expect(a.pool.info('cluster', 'b')?.state).toBe('up');
  });

  it('is not dialled any more when it is stopped', async () => {
    const a = world.node('a');
    const kept = a.pool.keep('cluster', B);
    await world.pass(1000);
    kept.stop();
    kept.stop();
    const { length } = a.network.dials;
    await world.pass(20_000);
    expect(a.network.dials).toHaveLength(length);
  });

  it('with whoever answers is one with that peer, also when somebody else answers there later', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.pool.keep('cluster', { peerId: null, addresses: ['/memory/b', '/memory/c'] });
    a.pool.keep('cluster', b.target);
    await world.pass(1500);
    expect(a.events.take()).toEqual(['up b']);
    expect(a.pool.info('cluster', 'b')?.pinned).toBe(true);
    world.hub.kill('b');
    world.node('c');
    await world.pass(1500);
    expect(a.pool.info('cluster', 'c')).toMatchObject({ state: 'up', pinned: true });
  });

  it('stays lost until somebody declares the peer down, and does not die of that', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.pool.keep('cluster', b.target);
    await world.pass(1500);
    world.hub.cut('a', 'b');
    await world.pass(6000);
    expect(a.link(b)?.state).toBe('lost');
    a.pool.remove('cluster', 'b', 'down');
    expect(a.link(b)).toBeNull();
    a.events.take();
    world.hub.heal('a', 'b');
    await world.pass(12_000);
    expect(a.link(b)?.state).toBe('up');
    expect(b.events.take().at(-1)).toBe('up a');
  });

  it('with a peer that takes it and drops it at once is not dialled in a loop', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.pool.keep('cluster', b.target);
    const drop = world.clock.setInterval(() => b.pool.remove('cluster', 'a'), 10);
    await world.pass(5000);
    drop.cancel();
    expect(a.network.dials.length).toBeLessThan(10);
    expect(a.network.dials.length).toBeGreaterThan(3);
  });

  it('with ourselves is not tried again for seconds', async () => {
    const a = world.node('a');
    a.pool.keep('cluster', { peerId: null, addresses: ['/memory/a'] });
    await world.pass(7000);
    expect(a.network.dials).toHaveLength(1);
    expect(a.events.take()).toEqual(['refused a same_identity']);
  });

  it('with another node that has our identity is not tried again for seconds', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.network.posesAs = 'a';
    a.pool.keep('cluster', { peerId: null, addresses: ['/memory/b'] });
    await world.pass(7000);
    expect(a.network.dials).toHaveLength(1);
    expect(a.events.take()).toEqual(['refused a same_identity']);
    expect(b.pool.size).toBe(0);
  });

  it('that is refused says so each time, and does not say that nobody is there', async () => {
    const a = world.node('a');
    world.node('z', {}, 'another secret');
    a.pool.keep('cluster', { peerId: 'z', addresses: ['/memory/z'] });
    await world.pass(400);
    expect(a.events.take()).toEqual(Array(3).fill('refused z wrong_secret'));
  });
});
