import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allowAll, PoolWorld } from '../testing/pool-world.ts';
import type { PeerChannelHandler } from './channel.ts';
import { LINK_PROTOCOL } from './dial.ts';

let world: PoolWorld;
beforeEach(() => {
  world = new PoolWorld();
});
afterEach(() => world.stop());

/** Opens a channel, and says nothing on it. */
async function mute(peerId: string): Promise<{ closed: boolean }> {
  const state = { closed: false };
  const dialled = world.hub
    .node(peerId)
    .dial({ peerId: 'a', addresses: ['/memory/a'] }, LINK_PROTOCOL, new AbortController().signal);
  const handler: PeerChannelHandler = {
    onData() {},
    onDrain() {},
    onClosed: () => Object.assign(state, { closed: true }),
  };
  const watched = dialled.then((channel) => {
    channel.handler = handler;
  });
  await Promise.all([watched, world.settle()]);
  return state;
}

describe('introductions that peers begin', () => {
  it('are bounded in number, and end when they take too long', async () => {
    const a = world.node('a', { maxIntroductions: 3 });
    const silent = [];
    for (const peerId of ['p', 'q', 'r', 's']) silent.push(await mute(peerId));
    await world.settle();
    expect(silent.map(({ closed }) => closed)).toEqual([false, false, false, true]);
    expect(a.pool.counters.refusals).toEqual(new Map([['refused_rate', 1]]));
    await world.pass(5100);
    expect(silent.map(({ closed }) => closed)).toEqual([true, true, true, true]);
    expect(a.pool.counters.refusals.get('introduction_timeout')).toBe(3);
    const b = world.node('b');
    await Promise.all([b.pool.getOrCreate('cluster', a.target), world.settle()]);
    expect(a.link(b)?.state).toBe('up');
  });

  it('are few for one peer', async () => {
    const a = world.node('a');
    for (let i = 0; i < 9; i++) await mute('p');
    expect(a.pool.counters.refusals).toEqual(new Map([['refused_rate', 1]]));
    await mute('q');
    expect(a.pool.counters.refusals.get('refused_rate')).toBe(1);
  });

  it('are limited in rate, and the dialler hears why', async () => {
    const a = world.node('a', { introductionsPerS: 1, introductionBurst: 2 });
    const nodes = ['b', 'c', 'd'].map((peerId) => world.node(peerId));
    for (const node of nodes) node.pool.keep('cluster', a.target);
    await world.pass(50);
    expect(nodes.map((node) => node.events.take())).toEqual([['up a'], ['up a'], ['refused a refused_rate']]);
    await world.pass(3000);
    expect(nodes[2]!.events.take().at(-1)).toBe('up a');
  });

  it('for a purpose that is not open are refused', async () => {
    const a = world.node('a');
    const b = world.node('b');
    b.pool.open('mesh', allowAll, b.events);
    const asked = b.pool.getOrCreate('mesh', a.target).catch((error) => error.details.reason);
    await world.settle();
    expect(await asked).toBe('not_accepted');
    expect(b.events.take()).toEqual(['refused a not_accepted']);
    expect(a.pool.counters.refusals).toEqual(new Map([['not_accepted', 1]]));
  });
});
