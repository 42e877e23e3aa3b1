import { describe, expect, it } from 'vitest';
import { CLUSTER_DEFAULTS } from './cluster-setup.ts';
import { addressOf, three } from './testing/world.ts';

const { deadMs, forgetMs, gossipMs, silentGraceMs } = CLUSTER_DEFAULTS;

describe('a member whose channel is lost', () => {
  it('is not down when another channel comes in time', async () => {
    const { links, pass, a, b } = await three();
    links.cut(a.pool, b.pool);
    await pass(deadMs - 500);
    expect(a.cluster.link('b')?.state).toBe('lost');
    links.heal(a.pool, b.pool);
    await pass(2 * deadMs);
    expect(a.cluster.link('b')?.state).toBe('up');
    expect([...a.heard, ...b.heard]).toEqual([]);
  });

  it('is told again what it may have missed', async () => {
    const { links, pass, a, b } = await three();
    links.cut(a.pool, b.pool);
    b.cluster.ownInterest.set('default', 'x', { online: 1, away: 0 });
    await pass(500);
    expect(a.cluster.interest.match('default', 'x').nodes).toEqual([]);
    links.heal(a.pool, b.pool);
    await pass(500);
    expect(a.cluster.interest.match('default', 'x').nodes).toEqual(['b']);
    expect(a.heard).toEqual([]);
  });

  it('is down when none comes in time', async () => {
    const { links, pass, a, b } = await three();
    links.cut(a.pool, b.pool);
    await pass(deadMs - 100);
    expect(a.heard).toEqual([]);
    await pass(200);
    expect(a.heard).toEqual(['down b 1']);
    expect(a.in('down')).toEqual(['b']);
    expect(a.cluster.link('b')).toBeNull();
  });

  it('is down much sooner when it was silent for as long already', async () => {
    const { links, pass, a, b } = await three();
    links.cut(a.pool, b.pool, 'silent');
    await pass(silentGraceMs - 50);
    expect(a.heard).toEqual([]);
    await pass(100);
    expect(a.heard).toEqual(['down b 1']);
  });

  it('is not down when only its channel was, in silence', async () => {
    const { links, pass, a, b } = await three();
    links.cut(a.pool, b.pool, 'silent');
    links.heal(a.pool, b.pool);
    await pass(2 * deadMs);
    expect([...a.heard, ...b.heard]).toEqual([]);
  });

  it('is down as soon as nobody listens at its addresses any more', async () => {
    const { links, pass, a, b, c } = await three();
    links.crash(b.pool);
    await pass(200);
    expect(a.heard).toEqual(['down b 1']);
    expect(c.heard).toEqual(['down b 1']);
  });

  it('has nothing left here when anybody hears that it is down', async () => {
    const { links, pass, a, b } = await three();
    b.cluster.ownInterest.set('default', 'x', { online: 1, away: 0 });
    await b.cluster.groups.join('g', { id: 'm', nodeId: 'b', metadata: {} });
    await pass(100);
    const at = (where: string) => {
      const nodes = a.cluster.interest.match('default', 'x').nodes.length;
      return `${where}: ${nodes} ${a.cluster.interest.filters('b')} ${a.cluster.groups.members('g').length}`;
    };
    expect(at('before')).toBe('before: 1 1 1');
    const order: string[] = [];
    const { onClosed } = a.pool.events!;
    a.pool.events = { ...a.pool.events!, onClosed: (link, reason, held) => onClosed(link, reason, held) };
    a.cluster.takeFrames({
      onUp() {},
      onControl() {},
      onData: () => true,
      onLost: () => void order.push(at('lost')),
      onResumed() {},
      onClosed: (link) => void order.push(at(`closed ${link.state}`)),
    });
    a.cluster.onMember(({ kind }) => order.push(at(kind)));
    links.cut(a.pool, b.pool);
    await pass(deadMs + 100);
    expect(order).toEqual(['lost: 1 1 1', 'closed closed: 0 0 0', 'down: 0 0 0']);
  });
});

describe('a partition', () => {
  it('heals, and each side finds the other as it is now', async () => {
    const { links, start, pass, a, b, c } = await three();
    const d = start('d', { join: ['c'] });
    await pass(500);
    const sides = [
      [a, b],
      [c, d],
    ] as const;
    for (const one of sides[0]) for (const other of sides[1]) links.cut(one.pool, other.pool);
    await pass(10 * 60_000);
    expect(a.in('up')).toEqual(['b']);
    expect(a.in('down')).toEqual(['c', 'd']);
    d.cluster.ownInterest.set('default', 'x', { online: 1, away: 0 });
    for (const one of sides[0]) for (const other of sides[1]) links.heal(one.pool, other.pool);
    await pass(1000);
    for (const node of [a, b, c, d]) expect(node.in('up')).toHaveLength(3);
    expect(a.cluster.interest.match('default', 'x').nodes).toEqual(['d']);
    expect(a.pool.kept.map(({ peerId }) => peerId).toSorted()).toEqual(['b', 'c', 'd']);
    expect(a.heard).toEqual(['joined d 1', 'down c 1', 'down d 1', 'joined c 1', 'joined d 1']);
  });

  it('is seen by each end that has the link, and each forgets a member that stays away for very long', async () => {
    const { links, pass, a, b, c } = await three();
    links.crash(b.pool);
    await pass(1000);
    expect(a.in('down')).toEqual(['b']);
    expect(a.pool.kept).toContainEqual({ peerId: 'b', addresses: [addressOf('b')] });
    await pass(forgetMs + 2 * gossipMs);
    expect([a.in('down'), c.in('down')]).toEqual([[], []]);
    expect(a.pool.kept.map(({ peerId }) => peerId)).toEqual(['c']);
  });
});

describe('a restart', () => {
  it('that is fast is a leave and a join', async () => {
    const { links, start, pass, a, b } = await three();
    b.cluster.ownInterest.set('default', 'old', { online: 1, away: 0 });
    await pass(100);
    links.crash(b.pool);
    const again = start('b', { join: ['a'], incarnation: 2 });
    again.cluster.ownInterest.set('default', 'new', { online: 1, away: 0 });
    await pass(500);
    expect(a.heard).toEqual(['left b 1', 'joined b 2']);
    expect(a.cluster.interest.match('default', 'old').nodes).toEqual([]);
    expect(a.cluster.interest.match('default', 'new').nodes).toEqual(['b']);
    expect(again.in('up')).toEqual(['a', 'c']);
  });

  it('is found at its new address, from where another has heard of it', async () => {
    const { links, start, pass, a, b, c } = await three();
    links.crash(b.pool);
    await pass(500);
    expect(a.in('down')).toEqual(['b']);
    start('b', { join: ['c'], incarnation: 2 });
    await pass(500);
    expect([a.in('up'), c.in('up')]).toEqual([
      ['b', 'c'],
      ['a', 'b'],
    ]);
  });
});
