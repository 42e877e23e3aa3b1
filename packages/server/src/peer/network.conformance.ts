import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { PeerChannel, PeerChannelHandler, PeerNetwork } from './channel.ts';
import { newIdentity } from './identity.ts';

export interface NodeUnderTest {
  readonly network: PeerNetwork;
  stop(): Promise<void> | void;
}

export interface NetworkUnderTest {
  readonly name: string;
  readonly transport: PeerChannel['transport'];
  /** A node that listens, each with an identity of its own. */
  make(): Promise<NodeUnderTest>;
  /** Addresses where nobody listens. */
  readonly nowhere: readonly string[];
  /** Whether a port without a listener says so at once. */
  readonly refuses: boolean;
}

/** One end of a channel, recorded. */
class End implements PeerChannelHandler {
  readonly channel: PeerChannel;
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  drains = 0;
  closings: (Error | null)[] = [];

  constructor(channel: PeerChannel) {
    this.channel = channel;
    channel.handler = this;
  }

  onData(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }
  onDrain(): void {
    this.drains++;
  }
  onClosed(error: Error | null): void {
    this.closings.push(error);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get digest(): string {
    return digest(Buffer.concat(this.chunks));
  }
}

const PROTOCOL = '/plexus/test/1';
const text = (value: string): Uint8Array => Buffer.from(value);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const soon = (): AbortSignal => AbortSignal.timeout(5000);

/** Bytes that tell when one is missing, or is in another place. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await pause(2);
  }
}

/** What every network of peers does. */
export function describeNetwork({ name, transport, make, nowhere, refuses }: NetworkUnderTest): void {
  const cleanUp: (() => unknown)[] = [];
  afterEach(async () => {
    for (const done of cleanUp.splice(0).reverse()) await done();
  });

  const node = async (): Promise<PeerNetwork> => {
    const { network, stop } = await make();
    cleanUp.push(stop);
    return network;
  };
  /** Two nodes, and a channel from the first to the second. */
  const connected = async () => {
    const [here, there] = [await node(), await node()];
    const taken: End[] = [];
    const unaccept = there.accept(PROTOCOL, (channel) => taken.push(new End(channel)));
    const dial = () => here.dial({ peerId: there.peerId, addresses: there.addresses }, PROTOCOL, soon());
    const near = new End(await dial());
    await until('the channel is taken', () => taken.length === 1);
    return { here, there, near, far: taken[0]!, taken, dial, unaccept };
  };

  describe(`${name}: a channel`, () => {
    it('shows who is at the other end, and by which way', async () => {
      const { here, there, near, far } = await connected();
      expect(here.peerId).not.toBe(there.peerId);
      expect([near.channel.peerId, far.channel.peerId]).toEqual([there.peerId, here.peerId]);
      expect([near.channel.direction, far.channel.direction]).toEqual(['outbound', 'inbound']);
      expect([near.channel.transport, far.channel.transport]).toEqual([transport, transport]);
      expect(there.addresses).toContain(near.channel.remoteAddress);
      expect(far.channel.remoteAddress).toMatch(/^\//);
    });

    it('carries bytes both ways in order, small and large', async () => {
      const { near, far } = await connected();
      const large = pattern(3_000_000);
      const hash = createHash('sha256');
      let sent = 0;
      const write = (bytes: Uint8Array) => {
        hash.update(bytes);
        sent += bytes.length;
        near.channel.write(bytes);
      };
      for (let i = 0; i < 2000; i++) write(text(`${i},`));
      write(large);
      write(text('the end'));
      far.channel.write(text('hello'));
      far.channel.write(text(' back'));
      await until('everything', () => far.bytes === sent && near.text === 'hello back');
      expect(far.digest).toBe(hash.digest('hex'));
    });

    it('loses nothing that was sent before the dialler had its end', async () => {
      const [here, there] = [await node(), await node()];
      there.accept(PROTOCOL, (channel) => {
        new End(channel);
        channel.write(text('welcome'));
      });
      const channel = await here.dial({ peerId: there.peerId, addresses: there.addresses }, PROTOCOL, soon());
      const near = new End(channel);
      await until('data', () => near.text === 'welcome');
    });

    it('lets its handler write from within what it is told', async () => {
      const { near, far } = await connected();
      far.onData = (chunk) => void far.channel.write(chunk);
      for (let i = 0; i < 100; i++) near.channel.write(text(`${i};`));
      await until('the echo', () => near.text.endsWith('99;'));
      expect(near.text).toBe(Array.from({ length: 100 }, (_, i) => `${i};`).join(''));
    });

    it('tells a writer to wait for a reader that has stopped, holds what it took, and tells when to go on', async () => {
      const { near, far } = await connected();
      far.channel.pause();
      await pause(10);
      const chunk = pattern(64 * 1024);
      let sent = 0;
      // It may say no, and go on, while bytes are still on their way into the windows; in the end it is the reader that stops it.
      const fill = async (): Promise<void> => {
        for (let drains = -1; drains !== near.drains; await pause(150)) {
          drains = near.drains;
          while (near.channel.write(chunk)) {
            sent += chunk.length;
            if (sent > 64 * 1024 * 1024) throw new Error('it takes everything');
            await pause(0);
          }
          sent += chunk.length;
        }
      };
      await fill();
      const drains = near.drains;
      expect(far.bytes).toBe(0);
      expect([...near.closings, ...far.closings]).toEqual([]);
      far.channel.resume();
      await until('room', () => near.drains > drains);
      await until('everything', () => far.bytes === sent);
      expect(near.drains).toBe(drains + 1);
      expect(Buffer.concat(far.chunks).every((byte, at) => byte === chunk[at % chunk.length])).toBe(true);
    });

    it('hands out nothing while paused, and loses nothing', async () => {
      const { near, far } = await connected();
      far.channel.pause();
      await pause(10);
      near.channel.write(text('later'));
      await pause(50);
      expect(far.bytes).toBe(0);
      far.channel.resume();
      await until('data', () => far.text === 'later');
    });

    it('does not write again to a chunk that it has handed out', async () => {
      const { near, far } = await connected();
      const kept: [Uint8Array, string][] = [];
      far.onData = (chunk) => {
        far.bytes += chunk.length;
        kept.push([chunk, digest(chunk)]);
      };
      for (let i = 0; i < 30; i++) {
        near.channel.write(Buffer.alloc(5000, i));
        await pause(1);
      }
      await until('data', () => far.bytes === 150_000);
      for (const [chunk, was] of kept) expect(digest(chunk)).toBe(was);
    });

    it('sends what was written before it ends; both ends hear once that it is closed', async () => {
      const { near, far } = await connected();
      near.channel.write(pattern(1_000_000));
      near.channel.write(text('end'));
      near.channel.end(5000);
      await until('closed', () => near.closings.length + far.closings.length === 2);
      near.channel.destroy();
      far.channel.destroy();
      await pause(20);
      expect([near.closings, far.closings]).toEqual([[null], [null]]);
      expect(far.bytes).toBe(1_000_003);
    });

    it('gives a paused reader what was sent before the end, then the end', async () => {
      const { near, far } = await connected();
      far.channel.pause();
      await pause(10);
      near.channel.write(text('last words'));
      near.channel.end(5000);
      await pause(50);
      expect([far.text, far.closings]).toEqual(['', []]);
      far.channel.resume();
      await until('closed', () => far.closings.length === 1);
      expect(far.text).toBe('last words');
    });

    it('is destroyed when an end takes longer than its grace', async () => {
      const { near, far } = await connected();
      far.channel.pause();
      near.channel.write(Buffer.alloc(64 * 1024 * 1024, 'x'));
      near.channel.end(100);
      await until('closed', () => near.closings.length === 1);
      await until('the other end', () => far.closings.length === 1);
    });

    it('closes at once at both ends when it is destroyed, and survives what is done to it afterwards', async () => {
      const { near, far } = await connected();
      near.channel.destroy();
      expect(near.closings).toEqual([]);
      await until('closed', () => near.closings.length + far.closings.length === 2);
      for (const { channel } of [near, far]) {
        channel.write(text('x'));
        channel.pause();
        channel.resume();
        channel.end(10);
        channel.destroy();
      }
      await pause(30);
      expect([near.closings.length, far.closings.length, far.bytes]).toEqual([1, 1, 0]);
    });

    it('is one of several between the same two nodes, and ends without them', async () => {
      const { near, far, taken, dial } = await connected();
      const second = new End(await dial());
      await until('the second channel', () => taken.length === 2);
      near.channel.destroy();
      await until('closed', () => far.closings.length === 1);
      second.channel.write(text('still here'));
      await until('data', () => taken[1]!.text === 'still here');
      const third = new End(await dial());
      third.channel.write(text('and a third'));
      await until('data', () => taken[2]?.text === 'and a third');
    });
  });

  describe(`${name}: a network`, () => {
    it('hears when the other node stops', async () => {
      const here = await node();
      const { network: there, stop } = await make();
      const taken: End[] = [];
      there.accept(PROTOCOL, (channel) => taken.push(new End(channel)));
      const near = new End(await here.dial({ peerId: there.peerId, addresses: there.addresses }, PROTOCOL, soon()));
      await until('the channel is taken', () => taken.length === 1);
      await stop();
      await until('closed', () => near.closings.length === 1 && taken[0]!.closings.length === 1);
    });

    it('dials an address without knowing who is there', async () => {
      const [here, there] = [await node(), await node()];
      there.accept(PROTOCOL, (channel) => void new End(channel));
      const channel = await here.dial({ peerId: null, addresses: there.addresses }, PROTOCOL, soon());
      expect(channel.peerId).toBe(there.peerId);
    });

    it('tries one address after the other', async () => {
      const [here, there] = [await node(), await node()];
      there.accept(PROTOCOL, (channel) => void new End(channel));
      const addresses = ['nonsense', ...(refuses ? nowhere : []), ...there.addresses];
      const channel = await here.dial({ peerId: there.peerId, addresses }, PROTOCOL, soon());
      expect(channel.peerId).toBe(there.peerId);
    });

    it('tells why a peer cannot be reached', async () => {
      const [here, there, other] = [await node(), await node(), await node()];
      there.accept(PROTOCOL, (channel) => void new End(channel));
      const dial = (peerId: string | null, addresses: readonly string[], protocol = PROTOCOL, signal = soon()) =>
        here.dial({ peerId, addresses }, protocol, signal);

      await expect(dial(there.peerId, [])).rejects.toMatchObject({ code: 'peer_unreachable' });
      await expect(dial(there.peerId, ['nonsense'])).rejects.toMatchObject({ code: 'peer_unreachable' });
      await expect(dial(newIdentity().peerId, there.addresses)).rejects.toMatchObject({ code: 'peer_identity' });
      await expect(dial(null, here.addresses)).rejects.toMatchObject({ code: 'peer_identity' });
      await expect(dial(here.peerId, here.addresses)).rejects.toMatchObject({ code: 'peer_identity' });
      await expect(dial(other.peerId, other.addresses)).rejects.toMatchObject({ code: 'peer_unsupported' });
      await expect(dial(there.peerId, there.addresses, '/plexus/other/1')).rejects.toMatchObject({
        code: 'peer_unsupported',
      });
      const expected = refuses ? 'peer_refused' : 'peer_unreachable';
      await expect(dial(null, nowhere, PROTOCOL, AbortSignal.timeout(500))).rejects.toMatchObject({ code: expected });
      await expect(dial(there.peerId, there.addresses, PROTOCOL, AbortSignal.abort())).rejects.toMatchObject({
        code: 'peer_unreachable',
      });
    });

    it('takes channels of each protocol apart, and none after that was stopped', async () => {
      const { here, there, near, far, dial, unaccept } = await connected();
      const others: End[] = [];
      there.accept('/plexus/other/1', (channel) => others.push(new End(channel)));
      expect(() => there.accept(PROTOCOL, () => {})).toThrow();
      const target = { peerId: there.peerId, addresses: there.addresses };
      const other = new End(await here.dial(target, '/plexus/other/1', soon()));
      other.channel.write(text('other'));
      await until('data', () => others[0]?.text === 'other');
      unaccept();
      unaccept();
      await expect(dial()).rejects.toMatchObject({ code: 'peer_unsupported' });
      near.channel.write(text('still here'));
      await until('data', () => far.text === 'still here');
      there.accept(PROTOCOL, (channel) => void new End(channel));
      await dial();
    });

    it('can be reached both ways at the same time', async () => {
      const [here, there] = [await node(), await node()];
      const taken: End[] = [];
      for (const network of [here, there]) network.accept(PROTOCOL, (channel) => taken.push(new End(channel)));
      const channels = await Promise.all([
        here.dial({ peerId: there.peerId, addresses: there.addresses }, PROTOCOL, soon()),
        there.dial({ peerId: here.peerId, addresses: here.addresses }, PROTOCOL, soon()),
      ]);
      for (const channel of channels) new End(channel).channel.write(text('hello'));
      await until('both', () => taken.length === 2 && taken.every((end) => end.text === 'hello'));
    });
  });
}
