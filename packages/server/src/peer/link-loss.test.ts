import { describe, expect, it } from 'vitest';
import { connect } from './testing/link-end.ts';
import { scene, slots, texts } from './testing/link-scene.ts';

describe('a channel that is lost', () => {
  it('is followed by one over which held frames come again, and only those the peer has not got', () => {
    const { clock, a, b, channel } = scene();
    a.held('1', 1);
    clock.advance(20);
    a.held('2', 2);
    a.loose('3');
    a.held('4', 4);
    clock.advance(0);
    channel.cut();
    clock.advance(20);
    expect(a.link!.state).toBe('lost');
    a.held('5', 5);
    a.loose('6');
    connect(b, a);
    clock.advance(20);
    expect(texts(b)).toEqual(['H1', 'H2', 'H4', 'H5', 'L6']);
    expect(b.data.map(({ number }) => number)).toEqual([1, 2, 4, 5, 6]);
    expect(slots(a)).toEqual([1, 2, 4, 5]);
    expect(a.link!.info()).toMatchObject({ resent: 2, losses: 1, state: 'up', dropped: 0 });
    expect(a.events).toEqual(['up', 'lost channel_lost', 'resumed']);
  });

  it('may take an Ack with it: it is said again, with its reasons', () => {
    const { clock, a, b, channel } = scene();
    channel.other!.mute = true;
    b.deal = (data) => b.link!.done(data.number, data.text === 'H2' ? 0x97 : 0);
    for (const slot of [1, 2, 3]) a.held(String(slot), slot);
    clock.advance(20);
    expect(b.data.length).toBe(3);
    expect(a.met).toEqual([]);
    channel.cut();
    clock.advance(20);
    connect(a, b);
    clock.advance(20);
    expect(b.data.length).toBe(3);
    expect(a.met).toEqual([
      { slot: 1, reason: 0 },
      { slot: 2, reason: 0x97 },
      { slot: 3, reason: 0 },
    ]);
    expect(a.link!.info().resent).toBe(0);
  });

  it('leaves alone what waits for its receiver', () => {
    const { clock, a, b, channel } = scene();
    b.accepts = () => false;
    a.held('1', 1);
    a.loose('2');
    clock.advance(20);
    channel.cut();
    clock.advance(20);
    connect(a, b);
    clock.advance(20);
    b.accepts = () => true;
    b.link!.resumeData();
    clock.advance(20);
    expect(texts(b)).toEqual(['H1', 'L2']);
    expect(slots(a)).toEqual([1]);
  });

  it('is noticed when the peer is silent, though the channel stands', () => {
    const { clock, a, b, channel } = scene();
    clock.advance(1400);
    channel.mute = true;
    channel.other!.mute = true;
    clock.advance(2500);
    expect(a.link!.state).toBe('up');
    clock.advance(500);
    expect(a.events).toEqual(['up', 'lost silent']);
    expect(b.link!.state).toBe('lost');
    expect(clock.now() - a.link!.lastHeardMs).toBeGreaterThanOrEqual(3000);
  });

  it('is noticed by the peer too when one direction is cut', () => {
    const { clock, a, b, channel } = scene();
    channel.mute = true;
    clock.advance(5000);
    expect(b.events).toEqual(['up', 'lost silent']);
    expect(a.events).toEqual(['up', 'lost silent']);
  });

  it('is not one on which a large frame takes its time', () => {
    const { clock, b, channel } = scene({ version: 1, a: { heartbeatMs: 60_000 } });
    const frame = Buffer.alloc(5 + 60_000);
    frame.writeUInt32BE(60_001);
    frame[4] = 30;
    for (let at = 0; at < frame.length; at += 10_000) {
      channel.write(frame.subarray(at, at + 10_000));
      clock.advance(1000);
    }
    expect(b.events).toEqual(['up']);
    expect(b.controls).toHaveLength(1);
  });

  it('is not taken for silent by a process that was stopped itself', () => {
    const { clock, a } = scene();
    // Nothing was ticked and nothing read meanwhile.
    a.link!.tick(clock.now() + 60_000);
    expect(a.link!.state).toBe('up');
  });

  it('is one that takes nothing, however much there is to say', () => {
    const { clock, a, channel } = scene();
    channel.mute = true;
    for (let i = 0; i < 66; i++) a.link!.control(30, new Uint8Array(1024 * 1024));
    clock.advance(150);
    expect(a.events).toEqual(['up', 'lost silent']);
  });

  it('may be one that has come too late for the end that opened it', () => {
    const { clock, a, b, channel } = scene();
    channel.cut();
    clock.advance(20);
    b.held('1', 1);
    // The fifth frame of the introduction has the link go on at the responder; the sixth comes after 5 s.
    connect(a, b, { latencyMs: 900 });
    clock.advance(8000);
    expect(b.events).toEqual(['up', 'lost channel_lost', 'resumed', 'lost introduction_timeout']);
    connect(a, b);
    clock.advance(20);
    expect(texts(a)).toEqual(['H1']);
    expect(slots(b)).toEqual([1]);
  });

  it('is told to whoever keeps the link last; not when another channel has come for it', () => {
    const { clock, a, b, channel } = scene();
    connect(b, a);
    clock.advance(20);
    expect(a.events).toEqual(['up', 'lost duplicate', 'resumed']);
    expect(a.owned).toEqual([]);
    expect(channel.closed).toBe(true);
    a.link!.close('removed');
    expect(a.owned).toEqual(['closed removed; closed removed']);
    clock.advance(20);
    expect(b.owned).toEqual(['closed removed; closed removed']);
  });

  it('is not told to whoever keeps the link when a listener has closed it', () => {
    const { clock, a, channel } = scene();
    a.onLost = () => a.link!.close('down');
    channel.cut();
    clock.advance(20);
    expect(a.owned).toEqual(['closed down; closed down']);
  });
});
