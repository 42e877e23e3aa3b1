import { PlexusError } from '@plexus/protocol';
import type { PeerChannel, PeerChannelHandler, PeerNetwork, PeerTarget } from '../peer/channel.ts';

/** Bytes on their way to a reader that does not read, at which the writer is told to stop. */
const HIGH_WATER_BYTES = 256 * 1024;

type Run = () => void;

/**
 * The network between in-memory nodes. Everything happens one deferred step later, in order, so with `FakeClock.setImmediate` a test
 * says when. Channels can be cut (closed hard at both ends), or frozen (what is sent is held until they thaw, and nobody is told).
 */
export class MemoryHub {
  readonly #defer: (run: Run) => void;
  readonly #networks = new Map<string, MemoryNetwork>();
  /** Pairs of peers that cannot reach each other. */
  readonly #parted = new Set<string>();
  readonly #channels = new Set<MemoryChannel>();

  /** @param defer runs a function later in this turn or in the next: `setImmediate` */
  constructor(defer: (run: Run) => void) {
    this.#defer = defer;
  }

  /** Adds a node that listens. */
  node(peerId: string): MemoryNetwork {
    const network = new MemoryNetwork(this, peerId, `/memory/${peerId}`);
    this.#networks.set(peerId, network);
    return network;
  }

  /** Closes the channels between the two with an error, and lets none come to be until `heal`. */
  cut(a: string, b: string): void {
    this.#parted.add(pair(a, b));
    for (const channel of this.#between(a, b)) channel.break(new Error('the network is cut'));
  }

  heal(a: string, b: string): void {
    this.#parted.delete(pair(a, b));
    for (const channel of this.#between(a, b)) channel.thaw();
  }

  /** What is on its way between the two stays there; nobody is told. */
  freeze(a: string, b: string): void {
    for (const channel of this.#between(a, b)) channel.freeze();
  }

  /** As if its process were killed: its channels break, and nobody listens at its address. */
  kill(peerId: string): void {
    this.#networks.delete(peerId);
    for (const channel of this.#channels) if (channel.ownerId === peerId) channel.break(new Error('connection reset'));
  }

  // ---- what the nodes use

  defer(run: Run): void {
    this.#defer(run);
  }

  find(address: string): MemoryNetwork | null {
    return address.startsWith('/memory/') ? (this.#networks.get(address.slice('/memory/'.length)) ?? null) : null;
  }

  isParted(a: string, b: string): boolean {
    return this.#parted.has(pair(a, b));
  }

  /** @returns the dialler's end */
  connect(from: MemoryNetwork, to: MemoryNetwork, take: (channel: PeerChannel) => void): PeerChannel {
    const near = new MemoryChannel(this, from.peerId, to.peerId, 'outbound', to.addresses[0]!);
    const far = new MemoryChannel(this, to.peerId, from.peerId, 'inbound', from.addresses[0]!);
    near.join(far);
    far.join(near);
    this.#channels.add(near);
    this.#channels.add(far);
    take(far);
    return near;
  }

  forget(channel: MemoryChannel): void {
    this.#channels.delete(channel);
  }

  leave(network: MemoryNetwork): void {
    if (this.#networks.get(network.peerId) === network) this.#networks.delete(network.peerId);
    for (const channel of this.#channels) if (channel.ownerId === network.peerId) channel.destroy();
  }

  #between(a: string, b: string): MemoryChannel[] {
    return [...this.#channels].filter(({ ownerId, peerId }) => pair(ownerId, peerId) === pair(a, b));
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** One node's access to a `MemoryHub`. */
export class MemoryNetwork implements PeerNetwork {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly #hub: MemoryHub;
  readonly #takers = new Map<string, (channel: PeerChannel) => void>();

  constructor(hub: MemoryHub, peerId: string, address: string) {
    this.#hub = hub;
    this.peerId = peerId;
    this.addresses = [address];
  }

  accept(protocol: string, take: (channel: PeerChannel) => void): () => void {
    if (this.#takers.has(protocol)) throw new Error(`${protocol} has a taker already`);
    this.#takers.set(protocol, take);
    return () => {
      if (this.#takers.get(protocol) === take) this.#takers.delete(protocol);
    };
  }

  dial(target: PeerTarget, protocol: string, signal: AbortSignal): Promise<PeerChannel> {
    return new Promise((resolve, reject) => {
      this.#hub.defer(() => {
        try {
          resolve(this.#dial(target, protocol, signal));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  stop(): void {
    this.#hub.leave(this);
  }

  taker(protocol: string): ((channel: PeerChannel) => void) | null {
    return this.#takers.get(protocol) ?? null;
  }

  #dial({ peerId, addresses }: PeerTarget, protocol: string, signal: AbortSignal): PeerChannel {
    const details = { peerId, addresses, protocol };
    let code: 'peer_refused' | 'peer_unreachable' | 'peer_identity' = 'peer_unreachable';
    for (const address of signal.aborted ? [] : addresses) {
      const there = this.#hub.find(address);
      if (there === null) {
        if (address.startsWith('/memory/')) code = 'peer_refused';
        continue;
      }
      if (this.#hub.isParted(this.peerId, there.peerId)) continue;
      if (there === this || (peerId !== null && there.peerId !== peerId)) {
        code = 'peer_identity';
        continue;
      }
      const take = there.taker(protocol);
      if (take === null) throw new PlexusError('peer_unsupported', details);
      return this.#hub.connect(this, there, take);
    }
    throw new PlexusError(code, details);
  }
}

/** One end of a channel. What it writes waits in the other end until that reads. */
class MemoryChannel implements PeerChannel {
  readonly ownerId: string;
  readonly peerId: string;
  readonly direction: 'outbound' | 'inbound';
  readonly transport = 'memory';
  readonly remoteAddress: string;
  handler: PeerChannelHandler | null = null;
  readonly #hub: MemoryHub;
  #other: MemoryChannel | null = null;
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #scheduled = false;
  #paused = false;
  #frozen = false;
  #blocked = false;
  /** The other end has ended, and everything it sent is in `#unread`. */
  #finished = false;
  #ending = false;
  #closed: { error: Error | null } | null = null;
  #told = false;

  constructor(
    hub: MemoryHub,
    ownerId: string,
    peerId: string,
    direction: 'outbound' | 'inbound',
    remoteAddress: string,
  ) {
    this.#hub = hub;
    this.ownerId = ownerId;
    this.peerId = peerId;
    this.direction = direction;
    this.remoteAddress = remoteAddress;
  }

  join(other: MemoryChannel): void {
    this.#other = other;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed !== null || this.#ending) return true;
    this.#other!.#take(bytes);
    this.#blocked ||= this.#other!.#unreadBytes >= HIGH_WATER_BYTES;
    return !this.#blocked;
  }

  get waitingBytes(): number {
    return this.#other === null ? 0 : this.#other.#unreadBytes;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(graceMs: number): void {
    if (this.#closed !== null || this.#ending) return;
    this.#ending = true;
    this.#other!.#finished = true;
    this.#other!.#schedule();
    // The hub has no clock; its users do, and a test that waits is a test in real time.
    setTimeout(() => this.destroy(), graceMs).unref();
  }

  destroy(): void {
    this.#close(null);
    if (this.#frozen) return;
    this.#other!.#close(new Error('connection reset'));
  }

  break(error: Error): void {
    this.#close(error);
    this.#other!.#close(error);
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    if (this.#other!.#closed !== null) this.#close(new Error('connection reset'));
    this.#schedule();
  }

  #take(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#closed !== null) return;
    // In memory of its own: whoever changes what it has written is not helped by that.
    this.#unread.push(Uint8Array.from(bytes));
    this.#unreadBytes += bytes.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#hub.defer(() => this.#deliver());
  }

  /** One chunk per step, and the close after the last. */
  #deliver(): void {
    this.#scheduled = false;
    if (this.#told || this.handler === null) return;
    if (this.#closed !== null) {
      this.#told = true;
      this.#hub.forget(this);
      this.handler.onClosed(this.#closed.error);
      return;
    }
    if (this.#paused || this.#frozen) return;
    const chunk = this.#unread.shift();
    if (chunk !== undefined) {
      this.#unreadBytes -= chunk.length;
      this.handler.onData(chunk);
      if (this.#unreadBytes < HIGH_WATER_BYTES) this.#other!.#unblock();
      this.#schedule();
    } else if (this.#finished) {
      // As with TCP, the end of one side is the end of the other.
      this.#close(null);
      this.#other!.#close(null);
    }
  }

  #unblock(): void {
    if (!this.#blocked) return;
    this.#hub.defer(() => {
      if (!this.#blocked || this.#closed !== null) return;
      this.#blocked = false;
      this.handler?.onDrain();
    });
  }

  #close(error: Error | null): void {
    if (this.#closed !== null) return;
    this.#closed = { error };
    this.#unread = [];
    this.#schedule();
  }
}
