import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PoolWorld } from '../testing/pool-world.ts';

const TYPE = 16;
let world: PoolWorld;
beforeEach(() => {
  world = new PoolWorld();
});
afterEach(() => world.stop());

/** What became of a promise. */
function outcome(promise: Promise<unknown>): { value: unknown } {
  const result: { value: unknown } = { value: 'pending' };
  promise.then(
    () => (result.value = 'done'),
    (error: { code?: string; details?: { reason?: string } }) =>
      (result.value = error.details?.reason ?? error.code ?? error),
  );
  return result;
}

describe('asking for a link', () => {
  it('dials, and both ends have it', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    const promise = a.pool.getOrCreate('cluster', b.target);
    await world.settle();
    expect(await promise).toBe(a.link(b));
    expect([a.link(b)?.state, b.link(a)?.state]).toEqual(['up', 'up']);
    expect([a.events.take(), b.events.take()]).toEqual([['up b'], ['up a']]);
    expect(a.pool.info('cluster', 'b')).toMatchObject({ direction: 'outbound', pinned: false });
    expect(b.pool.info('cluster', 'a')).toMatchObject({ direction: 'inbound' });
  });

  it('dials once however many wait, and none blocks another peer', async () => {
    const [a, b, c] = [world.node('a'), world.node('b'), world.node('c')];
    a.network.hang('/memory/b');
    const waiting = Array.from({ length: 10 }, () => outcome(a.pool.getOrCreate('cluster', b.target)));
    const other = outcome(a.pool.getOrCreate('cluster', c.target));
    await world.settle();
    expect(other.value).toBe('done');
    expect(waiting.map(({ value }) => value)).toEqual(Array(10).fill('pending'));
    a.network.letGo('/memory/b');
    await world.settle();
    expect(waiting.map(({ value }) => value)).toEqual(Array(10).fill('done'));
    expect(a.network.dials.filter(({ peerId }) => peerId === 'b')).toHaveLength(1);
  });

  it('uses the link that the peer has made', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    expect(await b.pool.getOrCreate('cluster', a.target)).toBe(b.link(a));
    expect(b.network.dials).toEqual([]);
  });

  it('takes the link that the peer makes while our dial hangs', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.network.hang('/memory/b');
    const waiting = outcome(a.pool.getOrCreate('cluster', b.target));
    await Promise.all([b.pool.getOrCreate('cluster', a.target), world.settle()]);
    expect(waiting.value).toBe('done');
    a.network.letGo('/memory/b');
    await world.settle();
    expect(a.events.take()).toEqual(['up b']);
  });

  it('gives up after 5 s, and hands over no channel that comes later', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.network.hang('/memory/b');
    const waiting = outcome(a.pool.getOrCreate('cluster', b.target));
    await world.pass(4900);
    expect(waiting.value).toBe('pending');
    await world.pass(200);
    expect(waiting.value).toBe('peer_unreachable');
    a.network.letGo('/memory/b');
    await world.settle();
    expect([a.pool.size, b.pool.size]).toEqual([0, 0]);
    expect(a.pool.counters.dialFailures).toEqual(new Map([['peer_unreachable', 1]]));
  });

  it('says why there is none', async () => {
    const [a] = [world.node('a'), world.node('b'), world.node('z', {}, 'another secret')];
    const ask = (peerId: string, address: string) =>
      outcome(a.pool.getOrCreate('cluster', { peerId, addresses: address === '' ? [] : [address] }));
    const asked = [
      ask('nobody', '/memory/nobody'),
      ask('c', '/memory/b'),
      ask('unknown', ''),
      ask('a', '/memory/a'),
      ask('z', '/memory/z'),
    ];
    await world.settle();
    expect(asked.map(({ value }) => value)).toEqual([
      'peer_refused',
      'peer_identity',
      'peer_unreachable',
      'same_identity',
      'wrong_secret',
    ]);
  });

  it('counts and tells on both ends who was turned away', async () => {
    const [a, z] = [world.node('a'), world.node('z', {}, 'another secret')];
    const asked = outcome(a.pool.getOrCreate('cluster', z.target));
    await world.settle();
    expect(asked.value).toBe('wrong_secret');
    expect([a.events.take(), z.events.take()]).toEqual([['refused z wrong_secret'], ['refused a wrong_secret']]);
    expect(a.pool.counters.refusals).toEqual(new Map([['wrong_secret', 1]]));
    expect(z.pool.counters.refusals).toEqual(new Map([['wrong_secret', 1]]));
  });

  it('ends for one caller when that one has waited enough; the dial when nobody waits', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.network.hang('/memory/b');
    const [one, two] = [new AbortController(), new AbortController()];
    const first = outcome(a.pool.getOrCreate('cluster', b.target, one.signal));
    const second = outcome(a.pool.getOrCreate('cluster', b.target, two.signal));
    one.abort('enough');
    await world.settle();
    expect([first.value, second.value]).toEqual(['enough', 'pending']);
    two.abort('too');
    await world.settle();
    expect(second.value).toBe('too');
    a.network.letGo('/memory/b');
    await world.settle();
    expect(b.pool.size).toBe(0);
  });

  it('takes the newest address that a caller names', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    a.network.hang('/memory/old');
    const first = outcome(a.pool.getOrCreate('cluster', { peerId: 'b', addresses: ['/memory/old'] }));
    const second = outcome(a.pool.getOrCreate('cluster', b.target));
    a.network.letGo('/memory/old');
    await world.settle();
    expect([first.value, second.value]).toEqual(['done', 'done']);
    expect(a.network.dials.map(({ addresses }) => addresses)).toEqual([['/memory/old'], ['/memory/b']]);
  });

  it('remembers where a peer was, also one that has dialled us', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    a.pool.remove('cluster', 'b');
    await world.settle();
    expect([a.pool.size, b.pool.size]).toEqual([0, 0]);
    await Promise.all([b.pool.getOrCreate('cluster', { peerId: 'a', addresses: [] }), world.settle()]);
    b.pool.remove('cluster', 'a');
    await world.settle();
    await Promise.all([a.pool.getOrCreate('cluster', { peerId: 'b', addresses: [] }), world.settle()]);
    expect(a.link(b)?.state).toBe('up');
  });

  it('dials again when the link has been silent for too long', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    world.hub.freeze('a', 'b');
    await world.pass(3200);
    const again = a.pool.getOrCreate('cluster', b.target);
    await world.settle();
    expect((await again).state).toBe('up');
    expect(a.events.take()).toEqual(['up b', 'lost b silent', 'resumed b']);
  });

  it('dials so many peers at once, and no more', async () => {
    const a = world.node('a', { maxDials: 2 });
    const asked = ['b', 'c', 'd'].map((peerId) => {
      a.network.hang(`/memory/${peerId}`);
      return outcome(a.pool.getOrCreate('cluster', { peerId, addresses: [`/memory/${peerId}`] }));
    });
    await world.settle();
    expect(asked.map(({ value }) => value)).toEqual(['pending', 'pending', 'quota_exceeded']);
    await world.pass(5100);
  });

  it('knows who answers at an address, and makes no second link with that one', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    const byAddress = a.pool.getOrCreate('cluster', { peerId: null, addresses: ['/memory/b'] });
    const byName = a.pool.getOrCreate('cluster', b.target);
    await world.settle();
    expect(await byAddress).toBe(await byName);
    const again = a.pool.getOrCreate('cluster', { peerId: null, addresses: ['/memory/b'] });
    await world.settle();
    expect(await again).toBe(a.link(b));
    expect([a.events.take(), b.events.take()]).toEqual([['up b'], ['up a']]);
  });
});

describe('a control frame to a peer', () => {
  it('waits for the link, in order', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    const body = Buffer.from('1');
    expect(a.pool.send('cluster', b.target, TYPE, body)).toBe(true);
    body.write('x');
    a.pool.send('cluster', b.target, TYPE, Buffer.from('2'));
    await world.settle();
    a.pool.send('cluster', b.target, TYPE, Buffer.from('3'));
    await world.settle();
    expect(b.events.take()).toEqual(['up a', 'control a 1', 'control a 2', 'control a 3']);
    expect(a.network.dials).toHaveLength(1);
  });

  it('is dropped and counted when too much waits, or the peer is not there', async () => {
    const a = world.node('a', { maxWaitingBytes: 4000 });
    const target = { peerId: 'b', addresses: ['/memory/b'] };
    const taken = [1, 2, 3].map(() => a.pool.send('cluster', target, TYPE, Buffer.alloc(400)));
    expect(taken).toEqual([true, true, false]);
    expect(a.pool.counters.droppedFrames).toBe(1);
    await world.settle();
    expect(a.pool.counters.droppedFrames).toBe(3);
    world.node('b');
    expect(a.pool.send('cluster', target, TYPE, Buffer.alloc(400))).toBe(true);
    await world.settle();
    expect(a.pool.counters.droppedFrames).toBe(3);
  });
});

describe('links in the pool', () => {
  it('are found by address and listed', async () => {
    const [a, b, c] = [world.node('a'), world.node('b'), world.node('c')];
    for (const peer of [b, c]) await Promise.all([a.pool.getOrCreate('cluster', peer.target), world.settle()]);
    expect(a.pool.findByEndpoint('/memory/b').map(({ peerId }) => peerId)).toEqual(['b']);
    expect(a.pool.list().map(({ peerId }) => peerId)).toEqual(['b', 'c']);
    expect(a.pool.findByEndpoint('10.0.0.1:1')).toEqual([]);
  });

  it('are removed for good, and the peer hears why', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    expect(a.pool.remove('cluster', 'b', 'down')).toBe(true);
    expect(a.pool.remove('cluster', 'b')).toBe(false);
    await world.settle();
    expect([a.events.take(), b.events.take()]).toEqual([
      ['up b', 'closed b down'],
      ['up a', 'closed a down'],
    ]);
  });

  it('that are lost, and not kept by anybody, are closed after 3 s', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    world.hub.cut('a', 'b');
    await world.pass(2900);
    expect(a.link(b)?.state).toBe('lost');
    await world.pass(200);
    expect(a.link(b)).toBeNull();
    expect(a.events.take()).toEqual(['up b', 'lost b channel_lost', 'closed b channel_lost']);
  });

  it('that are lost with frames to be answered are dialled once more', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    const met: number[] = [];
    a.link(b)!.held(64, Buffer.from('m'), Buffer.from('1'), { meet: (slot) => met.push(slot) }, 7);
    a.network.breakHere();
    await world.settle();
    expect(met).toEqual([7]);
    expect(b.events.take()).toContain('data a m1');
    expect(a.events.take()).toEqual(['up b', 'lost b channel_lost', 'resumed b']);
  });

  it('give way to those of a later start of the peer, and to no earlier one', async () => {
    const a = world.node('a');
    const older = world.node('b');
    await Promise.all([older.pool.getOrCreate('cluster', a.target), world.settle()]);
    const newer = world.node('b');
    await Promise.all([newer.pool.getOrCreate('cluster', a.target), world.settle()]);
    expect(a.events.take()).toEqual(['up b', 'closed b restarted', 'up b']);
    expect(a.link(newer)?.peer.incarnation).toBe(newer.incarnation);
    expect(older.events.take()).toEqual(['up a', 'closed a restarted']);
    const again = outcome(older.pool.getOrCreate('cluster', a.target));
    await world.settle();
    expect(again.value).toBe('same_identity');
    expect(a.link(newer)?.state).toBe('up');
  });
});

describe('a pool that is drained', () => {
  it('ends its links when what was sent is answered, and makes no more', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    const met: number[] = [];
    a.link(b)!.held(64, Buffer.from('m'), Buffer.from('1'), { meet: (slot) => met.push(slot) }, 3);
    const drained = outcome(a.pool.drain(new AbortController().signal));
    expect(met).toEqual([]);
    await world.pass(200);
    expect(drained.value).toBe('done');
    expect(met).toEqual([3]);
    expect(b.events.take()).toEqual(['up a', 'data a m1', 'closed a leaving']);
    const [out, back] = [
      outcome(a.pool.getOrCreate('cluster', b.target)),
      outcome(b.pool.getOrCreate('cluster', a.target)),
    ];
    await world.settle();
    expect([out.value, back.value]).toEqual(['shutting_down', 'leaving']);
    expect(a.events.take()).toEqual(['up b', 'closed b leaving']);
    a.pool.keep('cluster', b.target);
    expect([a.pool.dialling, a.pool.introducing, a.pool.waitingBytes]).toEqual([0, 0, 0]);
  });

  it('does not wait beyond its deadline', async () => {
    const [a, b] = [world.node('a'), world.node('b')];
    await Promise.all([a.pool.getOrCreate('cluster', b.target), world.settle()]);
    world.hub.freeze('a', 'b');
    a.link(b)!.held(64, Buffer.from('m'), Buffer.from('1'), { meet() {} }, 3);
    const deadline = new AbortController();
    const drained = outcome(a.pool.drain(deadline.signal));
    await world.pass(1000);
    expect(drained.value).toBe('pending');
    deadline.abort();
    await world.settle();
    expect(drained.value).toBe('done');
    a.pool.stop();
    expect(a.events.take()).toEqual(['up b', 'closed b leaving']);
  });
});
