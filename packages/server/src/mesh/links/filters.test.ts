import { afterEach, describe, expect, it } from 'vitest';
import { FrameType } from '../../peer/frame-types.ts';
import { encodeAsk, encodeChanges, encodeWhole } from './link-frames.ts';
import { MeshWorld, type TestPeer } from './testing/world.ts';

let world: MeshWorld;
afterEach(() => world.stop());

function two(a: Parameters<MeshWorld['peer']>[1] = {}, b: Parameters<MeshWorld['peer']>[1] = {}): [TestPeer, TestPeer] {
  world = new MeshWorld();
  return [world.peer('a', a), world.peer('b', b)];
}
const frames = (from: string, type: number) =>
  world.frames.filter((frame) => frame.from === from && frame.type === type);

describe('a node that asks', () => {
  it('hears the filters under the key, and is kept current', async () => {
    const [a, b] = two();
    b.want('r', 'x/+', 'x/1', 'y');
    a.links.ask('r', '/x', b.target);
    a.links.ask('r', '/x', b.target);
    expect(a.links.isAnswered('r', '/x', 'b')).toBe(false);
    await world.settle();
    expect(a.answers).toEqual(['r/x b true']);
    expect(a.links.isAnswered('r', '/x', 'b')).toBe(true);
    expect([a.match('r', 'x/2'), a.match('r', 'y')]).toEqual([['b'], []]);
    b.want('r', 'x/#');
    b.unwant('r', 'x/+');
    await world.settle();
    expect([a.match('r', 'x'), a.links.peers()[0]!.filters]).toEqual([['b'], 1]);
    expect(a.remoteChanges.length).toBeGreaterThan(0);
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b true', 'r/x b true']);
    expect(frames('a', FrameType.MeshAsk)).toHaveLength(1);
  });

  it('is answered where there is nothing', async () => {
    const [a, b] = two();
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b true']);
    b.want('r', 'x');
    await world.settle();
    expect(a.match('r', 'x')).toEqual(['b']);
  });

  it('is answered by one that got its token in the same turn', async () => {
    const [a, b] = two();
    b.want('r', 'x');
    await world.link(b, a);
    a.links.ask('r', '/x', b.target);
    world.give(a, 'r');
    await world.settle();
    expect(a.answers).toEqual(['r/x b true']);
    expect(a.match('r', 'x')).toEqual(['b']);
  });

  it('hears no more when it asks no more', async () => {
    const [a, b] = two();
    b.want('r', 'x');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    a.links.unask('r', '/x');
    await world.settle();
    expect([a.match('r', 'x'), a.links.isAnswered('r', '/x', 'b')]).toEqual([[], false]);
    const before = frames('b', FrameType.MeshFilters).length;
    b.want('r', 'x/+');
    await world.settle();
    expect(frames('b', FrameType.MeshFilters)).toHaveLength(before);
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.match('r', 'x')).toEqual(['b']);
  });

  it('is told that nobody can be reached, has rights, or answers', async () => {
    const [a, b] = two();
    const silent = world.peer('silent');
    world.pools.hub.cut('a', 'b');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers.splice(0)).toEqual(['r/x b false']);
    silent.linkEvents.onControl = () => {};
    await world.link(a, silent);
    a.links.ask('r', '/x', silent.target);
    await world.pass(4900);
    expect(a.answers).toEqual([]);
    await world.pass(200);
    expect(a.answers).toEqual(['r/x silent false']);
    a.links.ask('r', '/x', { peerId: 'a', addresses: ['/memory/a'] });
    a.links.ask('none', '/x', b.target);
    await world.settle();
    expect(a.answers.slice(1)).toEqual(['r/x a false', 'none/x b false']);
  });

  it('does not dial again at once whom it could not reach', async () => {
    const [a, b] = two();
    world.pools.hub.cut('a', 'b');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    a.links.ask('r', '/x', b.target);
    a.links.ask('r', '/y', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b false', 'r/x b false', 'r/y b false']);
    expect(a.node.network.dials).toHaveLength(1);
  });

  it('may ask again what has failed', async () => {
    const [a, b] = two();
    world.pools.hub.cut('a', 'b');
    a.links.ask('r', '/x', b.target);
    await world.settle();
    world.pools.hub.heal('a', 'b');
    await world.pass(1000);
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect(a.answers).toEqual(['r/x b false', 'r/x b true']);
  });

  it('gets the changes of a turn in one frame, and nothing for what came and went', async () => {
    const [a, b] = two();
    a.links.ask('r', '/x', b.target);
    await world.settle();
    const before = frames('b', FrameType.MeshFilters).length;
    b.want('r', 'x/+', 'x/1', 'x/#', 'x');
    b.unwant('r', 'x/#');
    await world.settle();
    expect(frames('b', FrameType.MeshFilters)).toHaveLength(before + 1);
    b.want('r', 'x/+/y');
    b.unwant('r', 'x/+/y');
    await world.settle();
    expect(frames('b', FrameType.MeshFilters)).toHaveLength(before + 1);
  });

  it('hears many filters, and asks for many keys, in frames that everybody takes', async () => {
    const [a, b] = two();
    const filters = Array.from({ length: 5000 }, (_, i) => `x/+/${i}/${'y'.repeat(20)}`);
    const keys = Array.from({ length: 3000 }, (_, i) => `k/${i}/${'z'.repeat(20)}`);
    b.want('r', ...filters, ...keys);
    a.links.ask('r', '/x', b.target);
    for (const key of keys) a.links.ask('r', `/${key}`, b.target);
    await world.settle();
    expect(a.links.peers()[0]!.filters).toBe(8000);
    expect(a.answers).toHaveLength(3001);
    for (const { body } of world.frames) expect(body.length).toBeLessThan(16_000);
    b.unwant('r', ...filters);
    await world.settle();
    expect(a.links.peers()[0]!.filters).toBe(3000);
  });
});

describe('a node that tells', () => {
  it('is heard without a question, and keeps the other current until there is nothing', async () => {
    const [a, b] = two();
    b.want('r', 'x', 'x/+');
    b.links.tell('r', '/x', a.target);
    await world.settle();
    expect([a.match('r', 'x'), a.match('r', 'x/1')]).toEqual([['b'], ['b']]);
    b.unwant('r', 'x');
    await world.settle();
    expect([a.match('r', 'x'), a.match('r', 'x/1')]).toEqual([[], ['b']]);
    b.unwant('r', 'x/+');
    await world.settle();
    expect([a.match('r', 'x/1'), a.links.remote.size]).toEqual([[], 0]);
    b.want('r', 'x');
    b.links.tell('r', '/x', a.target);
    await world.settle();
    expect(a.match('r', 'x')).toEqual(['b']);
  });

  it('stops when the other publishes there no more', async () => {
    const [a, b] = two();
    b.want('r', 'x');
    b.links.tell('r', '/x', a.target);
    await world.settle();
    a.links.unask('r', '/x');
    await world.settle();
    const before = frames('b', FrameType.MeshFilters).length;
    b.want('r', 'x/+');
    await world.settle();
    expect([a.match('r', 'x'), a.match('r', 'x/1')]).toEqual([[], []]);
    expect(frames('b', FrameType.MeshFilters)).toHaveLength(before);
  });

  it('says when that is all: what it told before, and does not know of any more, is gone', async () => {
    const [a, b] = two();
    await world.link(a, b);
    b.want('r', 'y');
    b.links.tell('r', '/y', a.target);
    b.link(a)!.control(FrameType.MeshFilters, encodeWhole('r', '/x', ['x'])[0]!);
    await world.settle();
    expect([a.match('r', 'x'), a.match('r', 'y')]).toEqual([['b'], ['b']]);
    world.give(b, 'r');
    await world.settle();
    expect([a.match('r', 'x'), a.match('r', 'y')]).toEqual([[], ['b']]);
  });

  it('dials again for news, not for what is known', async () => {
    const [a, b] = two();
    b.want('r', 'x');
    b.links.tell('r', '/x', a.target);
    await world.settle();
    b.link(a)!.close('evicted');
    await world.settle();
    const dials = b.node.network.dials.length;
    b.links.tell('r', '/x', a.target);
    await world.settle();
    expect(b.node.network.dials).toHaveLength(dials);
    b.want('r', 'x/#');
    await world.settle();
    expect(b.node.network.dials).toHaveLength(dials);
    b.links.tell('r', '/x', a.target);
    await world.settle();
    expect(b.node.network.dials).toHaveLength(dials + 1);
    expect(a.match('r', 'x/1')).toEqual(['b']);
  });
});

describe('rights', () => {
  it('decide what is told: not beyond our own token, nor what the peer could not publish', async () => {
    const [a, b] = two({ rights: { publish: ['x/#'] } }, { rights: { subscribe: ['x/1', '+/open/#'] } });
    b.want('r', 'x/1', 'x/2', 'y/open/1', '+/open/#', '+/1');
    for (const path of ['/x/1', '/x/2', '/y/open/1', '']) a.links.ask('r', path, b.target);
    await world.settle();
    expect(a.answers).toHaveLength(4);
    expect(a.links.peers()[0]!.filters).toBe(2);
    expect([a.match('r', 'x/1'), a.match('r', 'x/2'), a.match('r', 'x/open/1')]).toEqual([['b'], [], ['b']]);
    for (const { body } of frames('b', FrameType.MeshFilters)) {
      for (const hidden of ['x/2\0', 'y/open', '+/1'])
        expect(body.includes(hidden) && !body.includes('/y/open/1')).toBe(false);
    }
    expect(a.refused('beyond_subscribe')).toBe(0);
  });

  it('decide what is heard: the rest is taken', async () => {
    const [a, b] = two({}, { rights: { subscribe: ['x/#'] } });
    await world.link(a, b);
    const say = (body: Uint8Array) => b.link(a)!.control(FrameType.MeshFilters, body);
    say(encodeWhole('r', '/x/1', ['x/1', 'x/2', '$SYS/x', '$share/g/x/1', 'x/#/1', ''])[0]!);
    say(encodeWhole('r', '/y', ['y', 'y/+'])[0]!);
    say(encodeWhole('none', '/x', ['x'])[0]!);
    await world.settle();
    expect([a.match('r', 'x/1'), a.links.remote.size]).toEqual([['b'], 1]);
    expect([a.refused('bad_filter'), a.refused('beyond_subscribe'), a.refused('no_rights')]).toEqual([5, 2, 1]);
  });

  it('that become fewer take away what they covered', async () => {
    const [a, b] = two();
    b.want('r', 'x/1', 'y/1');
    a.links.ask('r', '/x/1', b.target);
    a.links.ask('r', '/y/1', b.target);
    await world.settle();
    world.give(b, 'r', { rights: { subscribe: ['x/#'] } });
    await world.settle();
    expect([a.match('r', 'x/1'), a.match('r', 'y/1')]).toEqual([['b'], []]);
    world.give(a, 'r', { rights: { publish: ['z'] } });
    await world.settle();
    expect(a.match('r', 'x/1')).toEqual([]);
    world.give(a, 'r');
    await world.settle();
    expect(a.match('r', 'x/1')).toEqual(['b']);
  });

  it('decide which messages are taken', async () => {
    const [a, b] = two({}, { rights: { publish: ['x/#'] } });
    await world.link(a, b);
    const link = a.link(b)!;
    expect([a.links.accepts(link, 'r', 'x/1'), a.links.accepts(link, 'r', 'x/1')]).toEqual([true, true]);
    expect(a.links.accepts(link, 'none', 'x/1')).toBe(false);
    for (let i = 0; i < 3; i++) expect(a.links.accepts(link, 'r', 'y')).toBe(false);
    expect(a.refused('beyond_publish')).toBe(4);
    world.give(b, 'r', { rights: { publish: ['y'] } });
    await world.settle();
    expect([a.links.accepts(link, 'r', 'y'), a.links.accepts(link, 'r', 'x/1')]).toEqual([true, false]);
    link.close('removed');
    expect(a.links.accepts(link, 'r', 'y')).toBe(false);
  });

  it('are needed before the router sees a message', async () => {
    const [a, b] = two();
    world.give(a, 'r', { ttlMs: 60_000 });
    b.links.gatekeeper.provenRealms = () => [];
    const link = b.node.pool.getOrCreate('mesh', a.target);
    await world.settle();
    (await link).loose(FrameType.Message, Buffer.from('head'), Buffer.from('body'), 0, 4, 1);
    const met: unknown[] = [];
    (await link).held(
      FrameType.Message,
      Buffer.from('head'),
      Buffer.from('body'),
      { meet: (...by) => met.push(by) },
      7,
    );
    await world.pass(100);
    expect(a.events.lines).toEqual(['up b']);
    expect([a.refused('no_rights'), met]).toEqual([2, [[7, 0x87]]]);
  });
});

describe('bounds', () => {
  it('of filters per peer and in all: beyond them they are refused and counted', async () => {
    world = new MeshWorld();
    const a = world.peer('a', {}, { links: { maxFiltersPerPeer: 5, maxFilters: 8 } });
    const [b, c] = [world.peer('b'), world.peer('c')];
    const seven = Array.from({ length: 7 }, (_, i) => `x/+/${i}`);
    for (const each of [b, c]) each.want('r', ...seven);
    a.links.ask('r', '/x', b.target);
    await world.settle();
    expect([a.links.remote.size, a.refused('too_many_filters')]).toEqual([5, 2]);
    a.links.ask('r', '/x', c.target);
    await world.settle();
    expect([a.links.remote.size, a.refused('too_many_filters')]).toEqual([8, 6]);
    expect(a.answers).toHaveLength(2);
    c.unwant('r', ...seven);
    await world.settle();
    expect(a.links.remote.size).toBe(5);
  });

  it('of keys: asked by us, by a peer, and told', async () => {
    world = new MeshWorld();
    const a = world.peer('a', {}, { links: { maxPathsPerPeer: 3 } });
    const b = world.peer('b');
    for (let i = 0; i < 5; i++) a.links.ask('r', `/x/${i}`, b.target);
    await world.settle();
    expect(a.answers.filter((each) => each.endsWith('false'))).toHaveLength(2);
    for (let i = 0; i < 5; i++) a.links.tell('r', `/x/${i}`, b.target);
    expect(a.refused('too_many_paths')).toBe(4);
    b.link(a)!.control(FrameType.MeshAsk, encodeAsk('r', true, false, ['/1', '/2', '/3', '/4', '/5'])[0]!);
    await world.settle();
    expect(a.refused('too_many_paths')).toBe(6);
    for (let i = 0; i < 10; i++) b.link(a)!.control(FrameType.MeshFilters, encodeWhole('r', `/z${i}`, [`z${i}`])[0]!);
    await world.settle();
    expect(a.links.remote.size).toBeLessThanOrEqual(6);
    expect(a.refused('too_many_paths')).toBeGreaterThan(6);
  });

  it('of peers that are known', async () => {
    world = new MeshWorld();
    const a = world.peer('a', {}, { links: { maxPeers: 2 } });
    for (const id of ['b', 'c', 'd']) a.links.ask('r', '/x', { peerId: id, addresses: [`/memory/${id}`] });
    await world.settle();
    expect([a.links.peers().length, a.refused('too_many_peers'), a.answers.length]).toEqual([2, 1, 3]);
    const e = world.peer('e');
    await world.link(e, a);
    expect(a.links.peers().map(({ peerId }) => peerId)).toContain('e');
    expect(a.links.peers()).toHaveLength(2);
  });

  it('of what is gathered: one list at a time', async () => {
    const [a, b] = two();
    await world.link(a, b);
    const frame = encodeWhole(
      'r',
      '/x',
      Array.from({ length: 2000 }, (_, i) => `x/+/${i}`),
    );
    expect(frame.length).toBeGreaterThan(1);
    b.link(a)!.control(FrameType.MeshFilters, frame[0]!);
    b.link(a)!.control(FrameType.MeshFilters, encodeWhole('r', '/y', ['y'])[0]!);
    for (const body of frame.slice(1)) b.link(a)!.control(FrameType.MeshFilters, body);
    for (const body of encodeChanges('r', '/never', ['never'], [])) b.link(a)!.control(FrameType.MeshFilters, body);
    await world.settle();
    expect([a.links.remote.size, a.match('r', 'y')]).toEqual([1, ['b']]);
  });
});
