import { describe, expect, it } from 'vitest';
import { scene, slots, texts, upTo } from './testing/link-scene.ts';

describe('data over a link', () => {
  it('comes in the order it was sent, loose and held alike', () => {
    const { clock, a, b } = scene();
    a.loose('1');
    a.held('2', 7);
    a.loose('3');
    clock.advance(20);
    expect(b.data).toEqual([
      { number: 1, held: false, type: 65, text: 'L1' },
      { number: 2, held: true, type: 64, text: 'H2' },
      { number: 3, held: false, type: 65, text: 'L3' },
    ]);
    expect(a.met).toEqual([{ slot: 7, reason: 0 }]);
    expect(a.link!.heldBytes).toBe(0);
  });

  it('leaves in one write per turn', () => {
    const { clock, a, channel } = scene();
    const before = channel.written.length;
    for (let i = 0; i < 100; i++) a.loose(`message ${i}`);
    expect(channel.written.length).toBe(before);
    clock.advance(0);
    expect(channel.written.length).toBe(before + 1);
  });

  it('is not copied when it is held and large', () => {
    const { clock, a, b, channel } = scene();
    const body = Buffer.alloc(40_000, 1);
    a.link!.held(64, Buffer.from('H'), body, a, 1);
    clock.advance(20);
    expect(channel.written).toContain(body);
    expect(b.data[0]!.text.length).toBe(40_001);
    expect(a.met).toEqual([{ slot: 1, reason: 0 }]);
  });

  it('is answered in the turn in which it is dealt with, by one Ack for many', () => {
    const { clock, a, b } = scene();
    for (const slot of upTo(100)) a.held('x', slot);
    const before = b.link!.info().framesOut;
    clock.advance(1);
    expect(b.data.length).toBe(100);
    expect(b.link!.info().framesOut).toBe(before + 1);
    clock.advance(1);
    expect(slots(a)).toEqual(upTo(100));
  });

  it('is answered in its order, whatever the order in which it is dealt with', () => {
    const { clock, a, b } = scene();
    b.deal = () => {};
    for (const slot of upTo(5)) a.held('x', slot);
    clock.advance(20);
    for (const number of [3, 2, 5]) b.link!.done(number, number === 3 ? 0x87 : 0);
    clock.advance(20);
    expect(a.met).toEqual([]);
    b.link!.done(1, 0x10);
    b.link!.done(1, 0);
    clock.advance(20);
    expect(a.met).toEqual([
      { slot: 0, reason: 0x10 },
      { slot: 1, reason: 0 },
      { slot: 2, reason: 0x87 },
    ]);
    b.link!.done(4, 0);
    clock.advance(20);
    expect(slots(a)).toEqual(upTo(5));
  });

  it('with thousands of bad answers needs more than one Ack', () => {
    const { clock, a, b } = scene();
    b.deal = (data) => b.link!.done(data.number, data.number % 3);
    for (const slot of upTo(5000)) a.held('x', slot);
    clock.advance(50);
    expect(a.met).toEqual(upTo(5000).map((slot) => ({ slot, reason: (slot + 1) % 3 })));
  });

  it('that the peer would not take is dropped or answered at once', () => {
    const { clock, a, b } = scene({ b: { maxFrameBytes: 20_000 } });
    const body = Buffer.alloc(20_000);
    a.link!.held(64, Buffer.from('H'), body, a, 3);
    expect(a.met).toEqual([{ slot: 3, reason: 0x95 }]);
    expect(a.link!.loose(65, Buffer.from('L'), body, 0, body.length, 4)).toBe(false);
    a.loose('small');
    clock.advance(20);
    expect(texts(b)).toEqual(['Lsmall']);
    expect(a.link!.info()).toMatchObject({ dropped: 4, heldBytes: 0, state: 'up' });
  });
});

describe('a receiver that is slow', () => {
  const SMALL = { a: { maxQueuedBytes: 2000, maxHeldBytes: 3000 }, b: { windowBytes: 4000 } };

  it('has QoS 0 dropped, newest first, and counted; the rest arrives in order', () => {
    const { clock, a, b } = scene(SMALL);
    b.accepts = () => false;
    const taken = upTo(200).filter((i) => a.loose(String(i).padEnd(50, '.')));
    clock.advance(50);
    const { dropped, queuedBytes } = a.link!.info();
    expect(dropped).toBe(200 - taken.length);
    expect(dropped).toBeGreaterThan(50);
    expect(queuedBytes).toBeLessThanOrEqual(2000);
    b.accepts = () => true;
    b.link!.resumeData();
    clock.advance(50);
    expect(texts(b)).toEqual(taken.map((i) => `L${String(i).padEnd(50, '.')}`));
  });

  it('is sent heartbeats and control frames all the same', () => {
    const { clock, a, b } = scene(SMALL);
    b.accepts = () => false;
    for (let i = 0; i < 200; i++) a.loose('x'.repeat(50));
    a.link!.control(30, Buffer.from('passes'));
    clock.advance(60_000);
    expect(b.controls).toEqual(['30 passes']);
    expect([a.link!.state, b.link!.state]).toEqual(['up', 'up']);
    expect(a.link!.info().roundTripMs).toBeCloseTo(2, 1);
  });

  it('has its QoS 1 kept, and its publishers wait', () => {
    const { clock, a, b } = scene(SMALL);
    b.accepts = () => false;
    for (const slot of upTo(100)) a.held('x'.repeat(99), slot);
    expect(a.link!.isFull).toBe(true);
    const calls: number[] = [];
    a.link!.whenRoom(() => calls.push(a.link!.heldBytes));
    clock.advance(50);
    expect(calls).toEqual([]);
    b.accepts = () => true;
    b.link!.resumeData();
    clock.advance(100);
    expect(slots(a)).toEqual(upTo(100));
    // Half of the bound, or what one Ack left of it.
    expect(calls.length).toBe(1);
    expect(calls[0]).toBeLessThanOrEqual(1500);
    expect(a.link!.isFull).toBe(false);
  });

  it('never has more than its window, and one frame', () => {
    const { clock, a, b } = scene(SMALL);
    let most = 0;
    b.deal = () => {
      const open = b.link!.lastReceived - done;
      most = Math.max(most, open * 107);
    };
    let done = 0;
    for (const slot of upTo(300)) a.held('x'.repeat(99), slot);
    for (let i = 0; i < 300; i++) {
      clock.advance(5);
      if (done < b.link!.lastReceived) b.link!.done(++done, 0);
    }
    clock.advance(50);
    expect(done).toBe(300);
    expect(slots(a)).toEqual(upTo(300));
    expect(most).toBeGreaterThan(3000);
    expect(most).toBeLessThanOrEqual(4000 + 107);
  });

  it('gets a frame that is larger than its window', () => {
    const { clock, a, b } = scene(SMALL);
    a.held('x'.repeat(50_000), 1);
    a.held('y', 2);
    clock.advance(50);
    expect(b.data.map(({ text }) => text.length)).toEqual([50_001, 2]);
    expect(slots(a)).toEqual([1, 2]);
  });

  it('whose channel has no room gets no data until it has', () => {
    const { clock, a, b, channel } = scene({ pair: { roomBytes: 1000, latencyMs: 10 } });
    for (let i = 0; i < 100; i++) a.loose('x'.repeat(10_000));
    clock.advance(0);
    const sent = channel.written.reduce((sum, bytes) => sum + bytes.length, 0);
    expect(sent).toBeLessThan(200_000);
    expect(a.link!.queuedBytes).toBeGreaterThan(800_000);
    clock.advance(1000);
    expect(b.data.length).toBe(100);
  });
});

describe('a peer of version 1', () => {
  it('gets heartbeats that nobody answers, and is alive', () => {
    const { clock, a, b } = scene({ version: 1 });
    a.held('1', 1);
    clock.advance(10_000);
    expect(a.link!.info()).toMatchObject({ version: 1, roundTripMs: null, state: 'up' });
    // Ten heartbeats, a Credit and an Ack at most.
    expect(b.link!.info().framesOut).toBeLessThanOrEqual(12);
    expect(slots(a)).toEqual([1]);
  });
});

describe('when a link was used', () => {
  it('is when somebody had something to say, not when it beat', () => {
    const { clock, a, b } = scene();
    clock.advance(10_000);
    expect(a.link!.info().idleMs).toBeGreaterThan(9000);
    a.loose('x');
    clock.advance(50);
    expect(a.link!.info().idleMs).toBeLessThanOrEqual(150);
    expect(b.link!.info().idleMs).toBeLessThanOrEqual(150);
  });
});
