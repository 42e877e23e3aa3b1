import { describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import { encodeMembers } from './members-frame.ts';
import { addressOf, three, world } from './testing/world.ts';

describe('a node that leaves', () => {
  it('says so, and is forgotten when its links close', async () => {
    const { pass, a, b } = await three();
    const left = b.cluster.drain(new AbortController().signal);
    await pass(5);
    expect(a.heard).toEqual(['leaving b 1']);
    expect(a.in('leaving')).toEqual(['b']);
    await pass(100);
    await left;
    expect(a.heard).toEqual(['leaving b 1', 'left b 1']);
    expect(a.cluster.members().map(({ nodeId }) => nodeId)).toEqual(['a', 'c']);
    expect(b.heard).toEqual(['left a 1', 'left c 1']);
    expect(b.cluster.members()).toMatchObject([{ nodeId: 'b', state: 'up' }]);
    expect(b.pool.kept).toEqual([]);
  });

  it('is not looked for, though others may still speak of it', async () => {
    const { pass, a, b } = await three();
    const left = b.cluster.drain(new AbortController().signal);
    await pass(200);
    await left;
    const stale = encodeMembers([
      { nodeId: 'c', incarnation: 1, addresses: [] },
      { nodeId: 'b', incarnation: 1, addresses: [addressOf('b')] },
    ]);
    const link = a.pool.find('c')!;
    a.pool.events!.onControl(link, FrameType.Members, stale, 0, stale.length);
    expect(a.cluster.members().map(({ nodeId }) => nodeId)).toEqual(['a', 'c']);
    expect(a.pool.kept.map(({ peerId }) => peerId)).toEqual(['c']);
  });

  it('waits until what it has sent is answered, but not for ever', async () => {
    const { pass, a, b } = await three();
    const link = b.pool.find('a')!;
    link.heldBytes = 10;
    let isOver = false;
    void b.cluster.drain(new AbortController().signal).then(() => {
      isOver = true;
    });
    await pass(1000);
    expect(isOver).toBe(false);
    expect(a.in('leaving')).toEqual(['b']);
    link.heldBytes = 0;
    await pass(100);
    expect(isOver).toBe(true);

    const { pass: passAgain, c } = await three();
    c.pool.find('a')!.heldBytes = 10;
    const deadline = new AbortController();
    const drained = c.cluster.drain(deadline.signal);
    await passAgain(1000);
    deadline.abort();
    await passAgain(50);
    await drained;
    expect(c.in('up')).toEqual([]);
  });

  it('says so again to whoever comes back meanwhile', async () => {
    const { links, pass, a, b } = await three();
    b.pool.find('c')!.heldBytes = 10;
    links.cut(a.pool, b.pool);
    void b.cluster.drain(new AbortController().signal);
    await pass(5);
    expect(a.heard).toEqual([]);
    links.heal(a.pool, b.pool);
    b.pool.find('a')!.resume();
    a.pool.find('b')!.resume();
    await pass(5);
    expect(a.heard).toEqual(['leaving b 1']);
  });

  it('does not keep anybody waiting when it dies on the way', async () => {
    const { links, pass, a, b } = await three();
    b.pool.find('a')!.heldBytes = 10;
    void b.cluster.drain(new AbortController().signal);
    await pass(50);
    links.crash(b.pool);
    await pass(50);
    expect(a.heard).toEqual(['leaving b 1', 'left b 1']);
  });

  it('is not brought back by those that are to join at its address', async () => {
    const { pass, start, a } = await three();
    const d = start('d', { join: ['a'] });
    await pass(500);
    const left = a.cluster.leave(new AbortController().signal);
    await pass(200);
    await left;
    await pass(5000);
    expect([a.in('up'), d.in('up')]).toEqual([[], ['b', 'c']]);
    expect(d.cluster.status().sought).toEqual([addressOf('a')]);
    expect(d.cluster.status().refused).toEqual({});
  });

  it('leaves no timers behind when it stops', async () => {
    const { clock, start, pass } = world();
    const a = start('a');
    await pass(100);
    a.cluster.stop();
    expect(clock.pending).toBe(0);
  });
});
