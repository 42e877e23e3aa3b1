import { describe, expect, it } from 'vitest';
import type { PeerChannel, PeerTarget } from './ports.ts';
import { Random } from './random.ts';
import { Recorder } from './testing/recorder.ts';
import { Trace } from './trace.ts';
import { VirtualNetwork } from './virtual-network.ts';
import { VirtualProcess } from './virtual-process.ts';
import { VirtualTime } from './virtual-time.ts';

const PROTOCOL = '/test/1';

function rig() {
  const time = new VirtualTime();
  const random = new Random('network test');
  const network = new VirtualNetwork(time, random, new Trace(time));
  const machine = (name: string) => {
    const host = network.addHost(name);
    const start = (): VirtualProcess => {
      const process = new VirtualProcess(name, time, random.fork(name), { skewMs: 0, rate: 1 }, (error) => {
        throw error;
      });
      host.run(process);
      return process;
    };
    return { host, start, process: start() };
  };
  const [a, b] = [machine('a'), machine('b')];
  const near = new Recorder();
  const far = new Recorder();
  network.networkOf(b.host).accept(PROTOCOL, (channel) => far.attach(channel));
  const path = network.path(a.host, b.host);
  const back = network.path(b.host, a.host);
  /** Rejections become their codes. */
  const dial = (target: Partial<PeerTarget> = {}, protocol = PROTOCOL, signal = new AbortController().signal) => {
    const outcome: { channel: PeerChannel | null; code: string | null; at: number } = {
      channel: null,
      code: null,
      at: 0,
    };
    network
      .networkOf(a.host)
      .dial({ peerId: 'b', addresses: [b.host.address], ...target }, protocol, signal)
      .then(
        (channel) => Object.assign(outcome, { channel, at: time.now }),
        (error) => Object.assign(outcome, { code: error.code, at: time.now }),
      );
    return outcome;
  };
  const connect = async (): Promise<void> => {
    const outcome = dial();
    await time.runUntil(time.now + 100);
    near.attach(outcome.channel!);
  };
  return { time, random, network, a, b, near, far, path, back, dial, connect };
}

describe('a virtual channel', () => {
  it('carries bytes in order, whatever the delays and however they are cut', async () => {
    const { time, near, far, path, connect, random } = rig();
    await connect();
    path.weather = { delayMs: 1, jitterMs: 30, bytesPerMs: 500 };
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 300; i++) {
      const bytes = random.bytes(1 + random.below(random.chance(0.02) ? 200_000 : 100));
      sent.push(bytes);
      time.after(i, () => near.channel.write(Uint8Array.from(bytes)));
    }
    await time.runUntil(time.now + 60_000);
    expect(Buffer.concat(far.chunks).equals(Buffer.concat(sent))).toBe(true);
    expect(far.chunks.length).toBeGreaterThan(301);
  });

  it('takes as long as delay and bandwidth say', async () => {
    const { time, near, far, path, connect } = rig();
    await connect();
    path.weather = { delayMs: 40, jitterMs: 0, bytesPerMs: 10 };
    const start = time.now;
    near.channel.write(new Uint8Array(1000));
    await time.runUntil(start + 139);
    expect(far.bytes).toBe(0);
    await time.runUntil(start + 141);
    expect(far.bytes).toBe(1000);
  });

  it('says nothing while the path is blocked, and goes on afterwards, in order and without loss', async () => {
    const { time, near, far, path, connect } = rig();
    await connect();
    near.say('before');
    path.block();
    near.say('meanwhile');
    await time.runUntil(time.now + 30_000);
    near.say('late');
    expect([far.text, far.closed, near.closed]).toEqual(['', false, false]);
    far.say('the other way is open');
    await time.runUntil(time.now + 100);
    expect(near.text).toBe('the other way is open');
    path.unblock();
    near.say('after');
    await time.runUntil(time.now + 1000);
    expect(far.text).toBe('beforemeanwhilelateafter');
  });

  it('is full when the other end does not read, and says when there is room', async () => {
    const { time, near, far, connect } = rig();
    await connect();
    far.channel.pause();
    let written = 0;
    while (near.channel.write(new Uint8Array(10_000))) {
      written += 10_000;
      expect(written).toBeLessThan(1_000_000);
      await time.runUntil(time.now + 10);
    }
    expect([far.bytes, near.drains]).toEqual([0, 0]);
    far.channel.resume();
    await time.runUntil(time.now + 100);
    expect([far.bytes, near.drains]).toEqual([written + 10_000, 1]);
  });

  it('fills up when the other program is stopped', async () => {
    const { time, near, far, b, connect } = rig();
    await connect();
    b.process.suspend();
    let written = 0;
    while (near.channel.write(new Uint8Array(10_000)) && written < 1e6) written += 10_000;
    await time.runUntil(time.now + 1000);
    expect([written < 1e6, far.bytes]).toEqual([true, 0]);
    b.process.resume();
    await time.runUntil(time.now + 1000);
    expect(far.bytes).toBe(written + 10_000);
  });

  it('is closed at both ends when it was ended, after all that was sent', async () => {
    const { time, near, far, connect } = rig();
    await connect();
    near.say('the last');
    near.channel.end(1000);
    expect(near.closed).toBe(false);
    await time.runUntil(time.now + 100);
    expect([far.text, far.closed, near.closed, far.error]).toEqual(['the last', true, true, null]);
  });

  it('is destroyed when its end takes too long', async () => {
    const { time, near, path, connect } = rig();
    await connect();
    path.block();
    near.say('x');
    near.channel.end(500);
    await time.runUntil(time.now + 499);
    expect(near.closed).toBe(false);
    await time.runUntil(time.now + 2);
    expect(near.closed).toBe(true);
  });

  it('tells of its end never within a call', async () => {
    const { time, near, connect } = rig();
    await connect();
    near.channel.destroy();
    expect(near.closed).toBe(false);
    await time.runUntil(time.now);
    expect(near.closed).toBe(true);
  });

  it('breaks at once when the other program is killed', async () => {
    const { time, near, far, b, connect } = rig();
    await connect();
    b.host.crash(false);
    await time.runUntil(time.now + 20);
    expect([near.closed, near.error?.message, far.closed]).toEqual([true, 'connection reset', false]);
  });

  it('stays open when the other machine loses power, until that is back and says it knows nothing', async () => {
    const { time, near, b, connect } = rig();
    await connect();
    b.host.crash(true);
    near.say('anybody?');
    await time.runUntil(time.now + 60_000);
    expect(near.closed).toBe(false);
    b.start();
    near.say('anybody?');
    await time.runUntil(time.now + 20);
    expect(near.closed).toBe(true);
  });

  it('is half open when its end could not be told, until something is sent', async () => {
    const { time, near, far, path, connect } = rig();
    await connect();
    path.block();
    near.channel.destroy();
    await time.runUntil(time.now + 1000);
    path.unblock();
    await time.runUntil(time.now + 1000);
    expect([near.closed, far.closed]).toEqual([true, false]);
    far.say('still there?');
    await time.runUntil(time.now + 1000);
    expect(far.closed).toBe(true);
  });

  it('breaks at both ends when something between breaks it', async () => {
    const { time, near, far, network, a, b, connect } = rig();
    await connect();
    network.breakChannels(a.host, b.host);
    await time.runUntil(time.now + 20);
    expect([near.closed, far.closed]).toEqual([true, true]);
  });
});

describe('dialing', () => {
  it('tells the ends who the other is', async () => {
    const { near, far, connect, a, b } = rig();
    await connect();
    expect([near.channel.peerId, near.channel.direction, near.channel.remoteAddress]).toEqual([
      'b',
      'outbound',
      b.host.address,
    ]);
    expect([far.channel.peerId, far.channel.direction, far.channel.remoteAddress]).toEqual([
      'a',
      'inbound',
      a.host.address,
    ]);
  });

  it('is refused where no program runs', async () => {
    const { time, b, dial } = rig();
    b.host.crash(false);
    const outcome = dial();
    await time.runUntil(50);
    expect(outcome.code).toBe('peer_refused');
  });

  it('goes on to the next address', async () => {
    const { time, b, dial, network } = rig();
    const empty = network.addHost('empty');
    const outcome = dial({ addresses: [empty.address, b.host.address] });
    await time.runUntil(50);
    expect(outcome.channel?.peerId).toBe('b');
  });

  it('finds somebody else, or somebody who does not speak the protocol', async () => {
    const { time, dial } = rig();
    const [other, protocol] = [dial({ peerId: 'c' }), dial({}, '/other/1')];
    await time.runUntil(50);
    expect([other.code, protocol.code]).toEqual(['peer_identity', 'peer_unsupported']);
  });

  it('takes anybody when nobody is named', async () => {
    const { time, dial } = rig();
    const outcome = dial({ peerId: null });
    await time.runUntil(50);
    expect(outcome.channel?.peerId).toBe('b');
  });

  it.each(['path', 'back'] as const)('gets no answer while the %s is blocked', async (which) => {
    const { time, dial, ...rest } = rig();
    rest[which].block();
    const outcome = dial();
    await time.runUntil(7900);
    expect(outcome.code).toBe(null);
    await time.runUntil(9100);
    expect(outcome.code).toBe('peer_unreachable');
  });

  it('succeeds when the path opens in time', async () => {
    const { time, dial, path } = rig();
    path.block();
    const outcome = dial();
    time.at(2500, () => path.unblock());
    await time.runUntil(4000);
    expect(outcome.channel).not.toBe(null);
  });

  it('waits for a program that is stopped, and gives up when it is told to', async () => {
    const { time, dial, b, far } = rig();
    b.process.suspend();
    const abort = new AbortController();
    const [waiting, given] = [dial(), dial({}, PROTOCOL, abort.signal)];
    time.at(3000, () => abort.abort());
    await time.runUntil(3001);
    expect([waiting.channel, given.code]).toEqual([null, 'peer_unreachable']);
    b.process.resume();
    await time.runUntil(4000);
    expect([waiting.channel?.peerId, given.channel]).toEqual(['b', null]);
    expect(far.attached).toBe(1);
  });

  it('leaves nothing behind at the other end when it was given up too late', async () => {
    const { time, dial, far } = rig();
    const abort = new AbortController();
    const outcome = dial({}, PROTOCOL, abort.signal);
    while (far.attached === 0) await time.runUntil(time.now + 0.05);
    abort.abort();
    await time.runUntil(time.now + 100);
    expect([outcome.code, far.closed]).toEqual(['peer_unreachable', true]);
  });
});
