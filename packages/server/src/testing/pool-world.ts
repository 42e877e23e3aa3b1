import { expect } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { createLogger } from '../lib/log.ts';
import { Turn } from '../lib/turn.ts';
import type { PeerChannel, PeerChannelHandler, PeerNetwork, PeerTarget } from '../peer/channel.ts';
import { LinkPool } from '../peer/link-pool.ts';
import { LINK_POOL_DEFAULTS, type LinkPoolOptions } from '../peer/link-pool-options.ts';
import type { Gatekeeper, Link, LinkEvents, LinkPurpose } from '../peer/link-ports.ts';
import { MemoryHub } from './memory-network.ts';

/** The end of a turn may make work for another. */
const QUIET_ROUNDS = 3;
/** More than any chain of promises here is long. */
const PROMISES_DEEP = 12;

/** A network that remembers who was dialled, and can let dials hang. */
class WatchedNetwork implements PeerNetwork {
  readonly dials: PeerTarget[] = [];
  /** All that this end has opened or taken, oldest first. */
  readonly channels: PeerChannel[] = [];
  /** Of these, the ones that are not closed. */
  readonly open = new Set<PeerChannel>();
  /** Dials to these hang until they are let go. */
  readonly hung = new Map<string, (() => void)[]>();
  /** Whoever answers a dial is said to have this identity. */
  posesAs: string | null = null;
  readonly #broken = new Set<PeerChannel>();
  readonly #handlers = new Map<PeerChannel, PeerChannelHandler>();
  readonly #network: PeerNetwork;

  constructor(network: PeerNetwork) {
    this.#network = network;
  }

  get peerId(): string {
    return this.#network.peerId;
  }

  get addresses(): readonly string[] {
    return this.#network.addresses;
  }

  async dial(target: PeerTarget, protocol: string, signal: AbortSignal): Promise<PeerChannel> {
    this.dials.push(target);
    const hung = target.addresses.map((address) => this.hung.get(address)).find((each) => each !== undefined);
    if (hung !== undefined) {
      await new Promise<void>((resolve, reject) => {
        hung.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    const channel = await this.#network.dial(target, protocol, signal);
    if (this.posesAs !== null) Object.defineProperty(channel, 'peerId', { value: this.posesAs });
    this.#watch(channel);
    return channel;
  }

  hang(address: string): void {
    this.hung.set(address, []);
  }

  letGo(address: string): void {
    const waiting = this.hung.get(address) ?? [];
    this.hung.delete(address);
    for (const go of waiting) go();
  }

  accept(protocol: string, take: (channel: PeerChannel) => void): () => void {
    return this.#network.accept(protocol, (channel) => {
      this.#watch(channel);
      take(channel);
    });
  }

  /** The newest channel breaks, and only this end notices. */
  breakHere(): void {
    const channel = this.channels.at(-1);
    const handler = channel === undefined ? undefined : this.#handlers.get(channel);
    if (channel === undefined || handler === undefined || !this.open.has(channel) || this.#broken.has(channel)) return;
    this.#broken.add(channel);
    this.open.delete(channel);
    channel.handler = { onData() {}, onDrain() {}, onClosed() {} };
    Object.assign(channel, { write: () => true, end() {}, destroy() {} });
    handler.onClosed(new Error('broken'));
  }

  #watch(channel: PeerChannel): void {
    this.channels.push(channel);
    this.open.add(channel);
    const watching: PeerChannelHandler = {
      onData: (chunk) => this.#handlers.get(channel)!.onData(chunk),
      onDrain: () => this.#handlers.get(channel)!.onDrain(),
      onClosed: (error) => {
        this.open.delete(channel);
        this.#handlers.get(channel)!.onClosed(error);
      },
    };
    const destroy = channel.destroy.bind(channel);
    channel.destroy = () => {
      this.open.delete(channel);
      destroy();
    };
    Object.defineProperty(channel, 'handler', {
      get: () => (this.#handlers.has(channel) ? watching : null),
      set: (handler: PeerChannelHandler) => this.#handlers.set(channel, handler),
    });
  }
}

/** Writes down what happens: `up b`, `lost b silent`, … */
export class EventLog implements LinkEvents {
  readonly lines: string[] = [];

  onUp(link: Link): void {
    this.lines.push(`up ${link.peer.peerId}`);
  }

  onControl(link: Link, _type: number, buffer: Uint8Array, start: number, end: number): void {
    this.lines.push(`control ${link.peer.peerId} ${Buffer.from(buffer.subarray(start, end)).toString()}`);
  }

  onData(link: Link, number: number, _held: boolean, _type: number, buffer: Uint8Array, start: number, end: number) {
    this.lines.push(`data ${link.peer.peerId} ${Buffer.from(buffer.subarray(start, end)).toString()}`);
    link.done(number, 0);
    return true;
  }

  onLost(link: Link, reason: string): void {
    this.lines.push(`lost ${link.peer.peerId} ${reason}`);
  }

  onResumed(link: Link): void {
    this.lines.push(`resumed ${link.peer.peerId}`);
  }

  onClosed(link: Link, reason: string): void {
    this.lines.push(`closed ${link.peer.peerId} ${reason}`);
  }

  onUnreachable(target: PeerTarget, code: string): void {
    this.lines.push(`unreachable ${target.peerId ?? target.addresses[0]} ${code}`);
  }

  onRefused(peerId: string, reason: string): void {
    this.lines.push(`refused ${peerId} ${reason}`);
  }

  /** What was written since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

/** Admits everybody. */
export const allowAll: Gatekeeper = {
  greeting: () => Buffer.alloc(0),
  welcomes: () => null,
  prove: () => Buffer.alloc(0),
  check: () => null,
};

function gatekeeper(secret: string): Gatekeeper {
  return {
    greeting: () => Buffer.alloc(0),
    welcomes: () => null,
    prove: () => Buffer.from(secret),
    check: (_context, proof) => (Buffer.from(proof).toString() === secret ? null : 'wrong_secret'),
  };
}

export class PoolNode {
  readonly peerId: string;
  readonly incarnation: number;
  readonly network: WatchedNetwork;
  readonly pool: LinkPool;
  readonly events = new EventLog();

  constructor(
    world: PoolWorld,
    peerId: string,
    incarnation: number,
    secret: string,
    options: Partial<LinkPoolOptions>,
  ) {
    this.peerId = peerId;
    this.incarnation = incarnation;
    this.network = new WatchedNetwork(world.hub.node(peerId));
    this.pool = new LinkPool({
      network: this.network,
      incarnation,
      clock: world.clock,
      turn: new Turn((run) => world.clock.setImmediate(run)),
      random: world.random,
      entropy: (bytes) => Buffer.from(Array.from({ length: bytes }, () => Math.floor(world.random() * 256))),
      log: createLogger({ level: 'silent' }),
      options: { ...LINK_POOL_DEFAULTS, ...options },
    });
    this.pool.open('cluster', gatekeeper(secret), this.events);
    this.pool.start();
  }

  get target(): PeerTarget {
    return { peerId: this.peerId, addresses: this.network.addresses };
  }

  link(peer: PoolNode, purpose: LinkPurpose = 'cluster'): Link | null {
    return this.pool.find(purpose, peer.peerId);
  }
}

/** Nodes that have nothing but a pool, in one virtual time. */
export class PoolWorld {
  readonly clock = new FakeClock();
  readonly hub: MemoryHub;
  readonly random: () => number;
  readonly nodes: PoolNode[] = [];
  /** What the network has to do. */
  readonly #steps: (() => void)[] = [];
  readonly #pick: (count: number) => number;
  #incarnations = 0;

  /** @param pick which of so many steps the network takes next: only within a channel nothing overtakes. Default: the oldest */
  constructor(random: () => number = () => 0.5, pick: (count: number) => number = () => 0) {
    this.random = random;
    this.#pick = pick;
    this.hub = new MemoryHub((run) => this.#steps.push(run));
  }

  node(peerId: string, options: Partial<LinkPoolOptions> = {}, secret = 'secret'): PoolNode {
    const node = new PoolNode(this, peerId, ++this.#incarnations, secret, options);
    this.nodes.push(node);
    return node;
  }

  /** Until nothing happens any more without time passing. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
      if (await this.step()) quiet = 0;
    }
  }

  /** Lets the network do one thing, and all that follows at once. @returns whether it had anything to do */
  async step(): Promise<boolean> {
    const [step] = this.#steps.splice(this.#pick(this.#steps.length), 1);
    step?.();
    for (let i = 0; i < PROMISES_DEEP; i++) await Promise.resolve();
    this.clock.advance(0);
    return step !== undefined;
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(Math.min(left, 50));
      await this.settle();
    }
  }

  /** A test of a clean stop. */
  async stop(): Promise<void> {
    for (const node of this.nodes) node.pool.stop();
    await this.settle();
    expect(this.clock.pending).toBe(0);
  }
}
