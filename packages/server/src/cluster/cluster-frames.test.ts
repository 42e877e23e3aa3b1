import { describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import type { HeldFrame } from '../peer/link-ports.ts';
import { encodeMembers } from './members-frame.ts';
import { addressOf, type TestNode, three } from './testing/world.ts';

describe('what members say of members', () => {
  const say = ({ pool }: TestNode, from: string, nodeId: string, incarnation: number, ...addresses: string[]) => {
    const own = { nodeId: from, incarnation: 1, addresses: [addressOf(from)] };
    const body = encodeMembers(nodeId === from ? [{ ...own, addresses }] : [own, { nodeId, incarnation, addresses }]);
    pool.events!.onControl(pool.find(from)!, FrameType.Members, body, 0, body.length);
  };
  const keptOf = ({ pool }: TestNode, nodeId: string) => pool.kept.filter(({ peerId }) => peerId === nodeId);

  it('counts for one that is down when it is of a later start: it is looked for there', async () => {
    const { links, pass, a, b } = await three();
    links.crash(b.pool);
    await pass(500);
    say(a, 'c', 'b', 1, '/memory/stale');
    expect(a.in('down')).toEqual(['b']);
    say(a, 'c', 'b', 2, '/memory/new');
    expect(a.in('joining')).toEqual(['b']);
    expect(keptOf(a, 'b')).toEqual([{ peerId: 'b', addresses: ['/memory/new'] }]);
  });

  it('counts for where a member is only if it says so itself', async () => {
    const { a } = await three();
    say(a, 'c', 'b', 1, '/memory/wrong');
    expect(keptOf(a, 'b')).toEqual([{ peerId: 'b', addresses: [addressOf('b')] }]);
    say(a, 'b', 'b', 1, '/memory/right');
    expect(keptOf(a, 'b')).toEqual([{ peerId: 'b', addresses: ['/memory/right'] }]);
    expect(a.cluster.target('b')).toEqual({ peerId: 'b', addresses: ['/memory/right'] });
  });

  it('does not take away the address at which a member was reached', async () => {
    const { b } = await three();
    say(b, 'a', 'a', 1, '/memory/inside');
    expect(keptOf(b, 'a')).toEqual([{ peerId: 'a', addresses: [addressOf('a'), '/memory/inside'] }]);
  });
});

describe('frames', () => {
  it('that make no sense close the link', async () => {
    const { pass, a, b } = await three();
    for (const [type, body] of [
      [FrameType.Members, Uint8Array.of(200)],
      [FrameType.Members, encodeMembers([{ nodeId: 'x', incarnation: 1, addresses: [] }])],
      [FrameType.Members, encodeMembers([])],
      [FrameType.Delta, Uint8Array.of(1)],
    ] as const) {
      await pass(1000);
      const link = a.pool.find('b')!;
      a.pool.events!.onControl(link, type, body, 0, body.length);
      expect(link.state).toBe('closed');
    }
    await pass(1000);
    expect([a.in('up'), b.in('up')]).toEqual([
      ['b', 'c'],
      ['a', 'c'],
    ]);
  });

  it('that are not of the cluster go to whoever has asked for them', async () => {
    const { links, pass, a, b } = await three();
    const taken: string[] = [];
    const held: HeldFrame[] = [];
    a.cluster.takeFrames({
      onUp: (link) => void taken.push(`up ${link.peer.peerId}`),
      onControl: (_link, type, _buffer, start, end) => void taken.push(`control ${type} ${start} ${end}`),
      onData: (_link, number) => {
        taken.push(`data ${number}`);
        return number !== 2;
      },
      onLost: (_link, reason) => void taken.push(`lost ${reason}`),
      onResumed: () => void taken.push('resumed'),
      onClosed: (_link, reason, unanswered) => void taken.push(`closed ${reason} ${unanswered === held}`),
    });
    const { events } = a.pool;
    const link = a.pool.find('b')!;
    events!.onControl(link, FrameType.Request, new Uint8Array(9), 2, 5);
    expect(events!.onData(link, 1, true, FrameType.Message, new Uint8Array(0), 0, 0)).toBe(true);
    expect(events!.onData(link, 2, true, FrameType.Message, new Uint8Array(0), 0, 0)).toBe(false);
    events!.onControl(link, FrameType.Digest, new Uint8Array(0), 0, 0);
    expect(taken).toEqual([`control ${FrameType.Request} 2 5`, 'data 1', 'data 2', 'closed bad_frame false']);
    taken.length = 0;
    await pass(500);
    links.cut(a.pool, b.pool);
    links.heal(a.pool, b.pool);
    await pass(500);
    events!.onClosed(a.pool.find('b')!, 'internal_error', held);
    expect(taken).toEqual(['up b', 'lost channel_lost', 'resumed', 'closed internal_error true']);
  });

  it('of data count as dealt with while nobody has asked for them', async () => {
    const { a } = await three();
    const link = a.pool.find('b')!;
    expect(a.pool.events!.onData(link, 7, true, FrameType.Message, new Uint8Array(0), 0, 0)).toBe(true);
    expect(link.doneNumbers).toEqual([7]);
  });
});
