import { describe, expect, it } from 'vitest';
import { FrameType } from './frame-types.ts';
import { connect } from './testing/link-end.ts';
import { dataBody, forge, scene, slots, texts, upTo } from './testing/link-scene.ts';

describe('a peer that breaks the rules', () => {
  const wrong = (what: string, type: number, body: Uint8Array, reason: string) => ({ what, type, body, reason });

  it.each([
    wrong('a Ready behind the introduction', FrameType.Ready, Buffer.of(1, 1, 1), 'bad_frame'),
    wrong('a frame of type 0', 0, Buffer.alloc(3), 'bad_frame'),
    wrong('a Credit without a number', FrameType.Credit, Buffer.alloc(0), 'bad_frame'),
    wrong('an Ack of what was never sent', FrameType.Ack, Buffer.of(1, 0), 'bad_frame'),
    wrong('a data frame without a number', 64, Buffer.of(0), 'bad_frame'),
    wrong('an endless number', 64, Buffer.alloc(30, 255), 'bad_frame'),
    wrong('an endless integer', FrameType.Skip, Buffer.alloc(30, 255), 'bad_frame'),
    wrong('a Close that breaks off', FrameType.Close, Buffer.of(50, 65), 'bad_frame'),
  ])('loses its link: $what', ({ type, body, reason }) => {
    const { clock, a, b, channel } = scene();
    const writer = forge(channel);
    writer.copy(type, body);
    writer.copy(30, Buffer.from('behind it'));
    writer.flush();
    clock.advance(20);
    expect(b.events).toEqual(['up', `closed ${reason}`]);
    expect(a.events).toEqual(['up', `closed ${reason}`]);
    expect(b.controls).toEqual([]);
  });

  it('loses its link over a frame that is too large', () => {
    const { clock, a, b, channel } = scene({ b: { maxFrameBytes: 20_000 } });
    const writer = forge(channel);
    writer.copy(30, Buffer.alloc(20_000));
    writer.flush();
    clock.advance(20);
    expect(b.events).toEqual(['up', 'closed frame_too_large']);
    expect(a.events).toEqual(['up', 'closed frame_too_large']);
  });

  it('loses its link over more data than it has credit for', () => {
    const { clock, b, channel } = scene({ b: { windowBytes: 1000 } });
    b.deal = () => {};
    const writer = forge(channel);
    for (const i of upTo(12)) writer.copy(64, dataBody(i + 1, 0, 'x'.repeat(93)));
    writer.flush();
    clock.advance(20);
    expect(b.data.length).toBe(10);
    expect(b.events).toEqual(['up', 'closed credit_exceeded']);
  });

  it('loses its channel over a gap, and goes on over the next one as if nothing had been', () => {
    const { clock, a, b, channel } = scene();
    a.held('1', 1);
    clock.advance(20);
    const writer = forge(channel);
    writer.copy(64, dataBody(3, 1, 'H3'));
    writer.flush();
    clock.advance(20);
    expect(b.events).toEqual(['up', 'lost sequence_gap']);
    expect(a.events).toEqual(['up', 'lost sequence_gap']);
    a.held('2', 2);
    connect(a, b);
    clock.advance(20);
    expect(texts(b)).toEqual(['H1', 'H2']);
    expect(slots(a)).toEqual([1, 2]);
  });

  it('may send a number twice: it is counted, and not told', () => {
    const { clock, a, b, channel } = scene();
    a.held('1', 1);
    clock.advance(20);
    const writer = forge(channel);
    writer.copy(64, dataBody(1, 1, 'H1'));
    writer.flush();
    clock.advance(20);
    expect(texts(b)).toEqual(['H1']);
    expect(b.link!.info()).toMatchObject({ duplicates: 1, state: 'up' });
  });

  it('may send types that nobody knows', () => {
    const { clock, b, channel } = scene();
    const writer = forge(channel);
    for (const type of [10, 15]) writer.copy(type, Buffer.from('?'));
    writer.copy(63, Buffer.from('for whoever uses the link'));
    writer.flush();
    clock.advance(20);
    expect(b.controls).toEqual(['63 for whoever uses the link']);
    expect(b.link!.state).toBe('up');
  });
});
