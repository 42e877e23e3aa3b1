import { describe, expect, it } from 'vitest';
import { closeBody } from './close-frame.ts';
import { FrameType } from './frame-types.ts';
import { forge, scene, slots, upTo } from './testing/link-scene.ts';

describe('the end of a link', () => {
  it('is told to the peer with its reason, and what was unanswered is met, unless somebody takes it', () => {
    const { clock, a, b } = scene({ b: { windowBytes: 1 } });
    b.deal = () => {};
    for (const slot of upTo(4)) a.held(String(slot), slot);
    a.loose('waits');
    a.takes = (frame) => frame.slot === 2;
    const calls: string[] = [];
    a.link!.whenRoom(() => calls.push('room'));
    clock.advance(20);
    a.link!.close('evicted');
    a.link!.close('removed');
    expect(slots(a)).toEqual([0, 1, 3]);
    clock.advance(20);
    expect(a.events).toEqual(['up', 'closed evicted']);
    expect(b.events).toEqual(['up', 'closed evicted']);
    expect(a.link!.info()).toMatchObject({ state: 'closed', heldBytes: 0, queuedBytes: 0, dropped: 1 });
    expect(calls).toEqual(['room']);
  });

  it('lets those go on who waited for room', () => {
    const { a } = scene({ a: { maxHeldBytes: 10 }, b: { windowBytes: 1 } });
    a.held('more than ten bytes', 1);
    expect(a.link!.isFull).toBe(true);
    const calls: string[] = [];
    a.link!.whenRoom(() => calls.push('room'));
    expect(calls).toEqual([]);
    a.link!.close('down');
    expect(calls).toEqual(['room']);
    expect(slots(a)).toEqual([1]);
  });

  it('leaves nothing to be used', () => {
    const { clock, a, b } = scene();
    a.link!.close('leaving');
    a.held('too late', 9);
    expect(a.met).toEqual([{ slot: 9, reason: 0 }]);
    expect(a.loose('too late')).toBe(false);
    a.link!.control(30, Buffer.from('too late'));
    clock.advance(5000);
    expect(b.data).toEqual([]);
    expect(b.controls).toEqual([]);
  });

  it('can wait until all is sent and answered', () => {
    const { clock, a, b } = scene({ b: { windowBytes: 500 } });
    for (const slot of upTo(50)) a.held('x'.repeat(100), slot);
    a.link!.end('evicted', 5000);
    expect(a.link!.state).toBe('up');
    clock.advance(1000);
    expect(b.data.length).toBe(50);
    expect(slots(a)).toEqual(upTo(50));
    expect(a.events).toEqual(['up', 'closed evicted']);
  });

  it('waits no longer than it was given', () => {
    const { clock, a, b } = scene();
    b.deal = () => {};
    a.held('x', 1);
    a.link!.end('evicted', 2000);
    clock.advance(1900);
    expect(a.link!.state).toBe('up');
    clock.advance(200);
    expect(a.events).toEqual(['up', 'closed evicted']);
    expect(slots(a)).toEqual([1]);
  });

  it('comes when a peer says goodbye of its channel only, but not for good', () => {
    const { clock, b, channel } = scene();
    const writer = forge(channel);
    writer.copy(FrameType.Close, closeBody('silent', ''));
    writer.flush();
    clock.advance(20);
    expect(b.events).toEqual(['up', 'lost silent']);
  });
});
