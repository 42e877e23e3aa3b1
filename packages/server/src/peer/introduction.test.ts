import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { closeBody } from './close-frame.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameType } from './frame-types.ts';
import { helloBody } from './hello.ts';
import { channelPair, type PairedChannel } from './testing/channel-pair.ts';
import { connect, LinkEnd } from './testing/link-end.ts';

const scene = (first = 'a', second = 'b') => {
  const clock = new FakeClock();
  const a = new LinkEnd(clock, first);
  const b = new LinkEnd(clock, second);
  return { clock, a, b };
};

/** A responder, and a stranger at the other end of its channel. */
const stranger = () => {
  const { clock, b } = scene();
  const [mine, theirs] = channelPair(clock, 'a', 'b');
  b.meetOver(theirs, false);
  const heard: string[] = [];
  const reader = new FrameReader(
    {
      onFrame: (type, buffer, start, end) => heard.push(`${type} ${Buffer.from(buffer.subarray(start, end))}`),
      onBadFrame() {},
    },
    1e6,
  );
  mine.handler = { onData: (chunk) => reader.push(chunk), onDrain() {}, onClosed: () => heard.push('closed') };
  return { clock, b, mine, heard };
};

const send = (channel: PairedChannel, type: number, body: Uint8Array): void => {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.writeUInt32BE(1 + body.length);
  bytes[4] = type;
  bytes.set(body, 5);
  channel.write(bytes);
};

const hello = {
  oldestVersion: 1,
  newestVersion: 2,
  features: 0,
  incarnation: 7,
  maxFrameBytes: 1 << 20,
  purpose: 'cluster',
  nonce: new Uint8Array(32).fill(9),
  addresses: ['/ip4/10.0.0.1/tcp/9443'],
  greeting: Buffer.from('x'),
};

const refused = (end: LinkEnd) => (end.result !== null && 'refused' in end.result ? end.result : null);

describe('an introduction', () => {
  it('ends in one link on both ends', () => {
    const { clock, a, b } = scene();
    a.incarnation = 11;
    connect(a, b);
    clock.advance(20);
    expect(a.events).toEqual(['up']);
    expect(b.events).toEqual(['up']);
    expect(a.link!.session).toBe(b.link!.session);
    expect(b.link!.peer).toEqual({
      peerId: 'a',
      incarnation: 11,
      version: 2,
      features: 0,
      addresses: ['/memory/a'],
      greeting: new Uint8Array(Buffer.from('hello')),
    });
  });

  it('comes through chunks of any size', () => {
    for (let size = 1; size < 200; size++) {
      const { clock, a, b } = scene();
      connect(a, b, { chunk: () => size });
      clock.advance(20);
      a.loose('first');
      clock.advance(20);
      expect(
        b.data.map(({ text }) => text),
        `chunks of ${size}`,
      ).toEqual(['Lfirst']);
    }
  });

  it('hands the bytes that come with the last Ready to the link', () => {
    const { clock, a, b } = scene();
    // The responder is up first, and sends at once.
    b.onUp = () => b.link!.control(20, Buffer.from('at once'));
    connect(a, b);
    clock.advance(20);
    expect(a.controls).toEqual(['20 at once']);
  });

  it.each([
    { ours: 1, theirs: 2 },
    { ours: 2, theirs: 1 },
    { ours: 1, theirs: 1 },
  ])('settles on version 1 between $ours and $theirs', ({ ours, theirs }) => {
    const { clock, a, b } = scene();
    a.newestVersion = ours;
    b.newestVersion = theirs;
    connect(a, b);
    clock.advance(2500);
    expect([a.link!.peer.version, b.link!.peer.version]).toEqual([1, 1]);
    expect(a.link!.info().roundTripMs).toBeNull();
    expect(a.link!.state).toBe('up');
  });

  it('fails without a version in common', () => {
    const { clock, b, mine, heard } = stranger();
    send(mine, FrameType.Hello, helloBody({ ...hello, oldestVersion: 3, newestVersion: 9 }));
    clock.advance(20);
    expect(refused(b)).toMatchObject({ refused: 'version_mismatch', byPeer: false, peerId: 'a' });
    expect(heard[0]).toContain('version_mismatch');
    expect(heard[1]).toBe('closed');
  });

  it('skips what a later version appends to a Hello', () => {
    const { clock, b, mine, heard } = stranger();
    send(mine, FrameType.Hello, Buffer.concat([helloBody({ ...hello, newestVersion: 9 }), Buffer.from('more')]));
    clock.advance(20);
    expect(refused(b)).toBeNull();
    expect(heard[0]).toMatch(/^1 PLXS/);
  });

  it('fails at a wrong secret, and both ends know why', () => {
    const { clock, a, b } = scene();
    a.word = 'open';
    connect(a, b);
    clock.advance(20);
    expect(refused(b)).toMatchObject({ refused: 'wrong_secret', byPeer: false, peerId: 'a' });
    expect(refused(a)).toMatchObject({ refused: 'wrong_secret', byPeer: true, peerId: 'b' });
    expect(clock.pending).toBe(2);
  });

  it('does not take its own proof for one of the other', () => {
    const { clock, a, b } = scene();
    const [outbound, inbound] = channelPair(clock, 'a', 'b');
    a.meetOver(outbound, true);
    // Everything that `a` says comes back to it.
    const reader = new FrameReader(
      { onFrame: (type, buffer, start, end) => send(inbound, type, buffer.slice(start, end)), onBadFrame() {} },
      1e6,
    );
    inbound.handler = { onData: (chunk) => reader.push(chunk), onDrain() {}, onClosed() {} };
    clock.advance(20);
    expect(refused(a)).toMatchObject({ refused: 'wrong_secret', byPeer: false });
    expect(b.result).toBeNull();
  });

  it('fails with itself', () => {
    const { clock, a, b } = scene('a', 'a');
    connect(a, b);
    clock.advance(20);
    expect(refused(b)?.refused).toBe('same_identity');
    expect(refused(a)?.refused).toBe('same_identity');
  });

  it('fails for a purpose that is not served', () => {
    const { clock, b, mine, heard } = stranger();
    send(mine, FrameType.Hello, helloBody({ ...hello, purpose: 'lunch' }));
    clock.advance(20);
    expect(refused(b)).toMatchObject({ refused: 'not_accepted' });
    expect(heard[0]).toContain('not_accepted');
  });

  it('fails when the gatekeeper does not like the greeting', () => {
    const { clock, a, b } = scene();
    const gatekeeper = b.gatekeeper('cluster')!;
    b.gatekeeper = () => ({ ...gatekeeper, welcomes: (facts) => (facts.greeting[0] === 104 ? 'wrong_cluster' : null) });
    connect(a, b);
    clock.advance(20);
    expect(refused(b)?.refused).toBe('wrong_cluster');
    expect(refused(a)).toMatchObject({ refused: 'wrong_cluster', byPeer: true });
  });

  it('takes no longer than its time, whoever says nothing', () => {
    const { clock, b, heard } = stranger();
    clock.advance(4999);
    expect(b.result).toBeNull();
    clock.advance(10);
    expect(refused(b)?.refused).toBe('introduction_timeout');
    expect(heard[0]).toContain('introduction_timeout');
  });

  it.each([
    { what: 'text', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n'), reason: 'frame_too_large' },
    { what: 'zeros', bytes: Buffer.alloc(100), reason: 'bad_frame' },
    { what: 'another frame', bytes: Buffer.from([0, 0, 0, 1, FrameType.Ready]), reason: 'bad_frame' },
    { what: 'an empty Hello', bytes: Buffer.from([0, 0, 0, 1, FrameType.Hello]), reason: 'bad_frame' },
    {
      what: 'a frame that only a proven peer may send',
      bytes: Buffer.from([0, 0, 64, 1, 1]),
      reason: 'frame_too_large',
    },
  ])('ends at garbage: $what', ({ bytes, reason }) => {
    const { clock, b, mine, heard } = stranger();
    mine.write(bytes);
    clock.advance(20);
    expect(refused(b)?.refused).toBe(reason);
    expect(heard[0]).toContain(reason);
  });

  it('ends at a Hello that breaks off, wherever it does', () => {
    const whole = helloBody(hello);
    for (let length = 0; length < whole.length; length++) {
      const { clock, b, mine } = stranger();
      send(mine, FrameType.Hello, whole.subarray(0, length));
      clock.advance(20);
      expect(refused(b)?.refused).toBe('bad_frame');
    }
  });

  it('tells a reason that only a newer peer knows as an error of its own', () => {
    const { clock, b, mine } = stranger();
    send(mine, FrameType.Close, closeBody('bored' as 'removed', 'of waiting'));
    clock.advance(20);
    expect(refused(b)).toMatchObject({ refused: 'internal_error', byPeer: true, detail: 'bored of waiting' });
  });

  it('is over when the channel is, or when it is given up; and is told once', () => {
    const { clock, a, b } = scene();
    const [outbound, inbound] = channelPair(clock, 'a', 'b');
    const mine = a.meetOver(outbound, true);
    b.meetOver(inbound, false);
    mine.abort('duplicate');
    mine.abort('removed');
    clock.advance(20);
    expect(refused(a)?.refused).toBe('duplicate');
    expect(refused(b)).toMatchObject({ refused: 'duplicate', byPeer: true });

    const other = scene();
    connect(other.a, other.b).cut();
    other.clock.advance(20);
    expect(refused(other.a)?.refused).toBe('channel_lost');
    expect(other.clock.pending).toBe(2);
  });
});

describe('an introduction of two that know each other', () => {
  it('goes on with the link that both still have', () => {
    const { clock, a, b } = scene();
    connect(a, b);
    clock.advance(20);
    const { session } = a.link!;
    connect(b, a);
    clock.advance(20);
    expect(a.events).toEqual(['up', 'lost duplicate', 'resumed']);
    expect(b.events).toEqual(['up', 'lost duplicate', 'resumed']);
    expect(a.link!.session).toBe(session);
    expect(a.link!.info().direction).toBe('inbound');
  });

  it('makes a new one when either was started anew', () => {
    const { clock, a, b } = scene();
    connect(a, b).cut();
    clock.advance(20);
    connect(a, b);
    clock.advance(20);
    const session = a.link!.session;
    const again = new LinkEnd(clock, 'b');
    again.incarnation = 2;
    connect(again, a);
    clock.advance(20);
    expect(a.link!.session).not.toBe(session);
    expect(a.link!.session).toBe(again.link!.session);
    expect(a.events.slice(-2)).toEqual(['closed forgotten', 'up']);
  });

  it('makes a new one when one end has closed it', () => {
    const { clock, a, b } = scene();
    const channel = connect(a, b);
    clock.advance(20);
    channel.mute = true;
    channel.other!.mute = true;
    a.link!.close('evicted');
    connect(a, b);
    clock.advance(20);
    expect(a.events).toEqual(['up', 'closed evicted', 'up']);
    expect(b.events).toEqual(['up', 'lost channel_lost', 'closed forgotten', 'up']);
  });

  it('ends with forgotten when the link was closed while it was under way', () => {
    const { clock, a, b } = scene();
    connect(a, b).cut();
    connect(a, b);
    clock.advance(20);
    const old = a.link!;
    connect(a, b, { latencyMs: 10 });
    // Hello, Hello, Proof, Proof, Ready: then the last Ready is on its way.
    clock.advance(55);
    old.close('removed');
    clock.advance(100);
    expect(refused(a)?.refused).toBe('forgotten');
    expect(b.link!.state).toBe('closed');
  });
});
