import { connect } from 'node:net';
import { PlexusError } from '@plexus/protocol';
import { TcpListener } from '../../src/broker/listeners/tcp.ts';
import { Cluster } from '../../src/cluster/cluster.ts';
import { CLUSTER_DEFAULTS } from '../../src/cluster/cluster-setup.ts';
import { ClusterGatekeeper } from '../../src/cluster/gatekeeper.ts';
import { loadConfig } from '../../src/config.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import { randomFraction, randomId } from '../../src/lib/random.ts';
import { Turn } from '../../src/lib/turn.ts';
import { Messaging } from '../../src/node/messaging.ts';
import { linkPoolOptions } from '../../src/node/peering.ts';
import type { PeerChannel } from '../../src/peer/channel.ts';
import { LINK_PROTOCOL } from '../../src/peer/dial.ts';
import { newIdentity } from '../../src/peer/identity.ts';
import { Introduction, type IntroductionResult } from '../../src/peer/introduction.ts';
import { Libp2pNetwork } from '../../src/peer/libp2p-network.ts';
import { LinkPool } from '../../src/peer/link-pool.ts';
import { systemResolver } from '../../src/peer/resolver.ts';
import type { ClusterNode } from './cluster-node.ts';
import { CLUSTER, type FaultWorld } from './fault-world.ts';

const log = createLogger({ level: 'silent' });
const DIAL_MS = 5000;

async function network(): Promise<Libp2pNetwork> {
  const made = new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port: 0,
    quic: false,
    maxConnections: 100,
    version: '0.0.0',
    clock: systemClock,
    log,
  });
  await made.start();
  return made;
}

/** Sends bytes that are no libp2p to the peer port; resolves when the node has hung up, or after `ms`. */
export function shout({ ports }: ClusterNode, bytes: Uint8Array, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(ports.peer, '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A peer that is made by hand: it has a channel to a node, and puts bytes on it as it likes. */
export class Stranger implements AsyncDisposable {
  readonly #network: Libp2pNetwork;
  readonly channel: PeerChannel;
  /** All that came, after an introduction. */
  closed: Promise<void> = Promise.resolve();
  isClosed = false;

  private constructor(own: Libp2pNetwork, channel: PeerChannel) {
    this.#network = own;
    this.channel = channel;
  }

  static async to({ ports }: ClusterNode): Promise<Stranger> {
    const own = await network();
    const target = { peerId: null, addresses: [`/ip4/127.0.0.1/tcp/${ports.peer}`] };
    const stranger = new Stranger(own, await own.dial(target, LINK_PROTOCOL, AbortSignal.timeout(DIAL_MS)));
    stranger.#watch();
    return stranger;
  }

  get peerId(): string {
    return this.#network.peerId;
  }

  /** @returns null: it is admitted, and what it sends from here on are frames of a link; else why not */
  async introduce(cluster: string, secret: string): Promise<string | null> {
    const gatekeeper = new ClusterGatekeeper(cluster, [secret], { objection: () => null });
    const result = await new Promise<IntroductionResult>((resolve) => {
      const introducer = {
        peerId: this.peerId,
        incarnation: Date.now(),
        addresses: () => this.#network.addresses,
        clock: systemClock,
        nonce: () => Buffer.from(randomId(32), 'hex'),
        newSession: () => 1 + Math.floor(randomFraction() * 2 ** 40),
        gatekeeper: () => gatekeeper,
        known: () => null,
        timeoutMs: DIAL_MS,
        maxFrameBytes: 1 << 20,
      };
      new Introduction(this.channel, introducer, 'cluster', resolve);
    });
    if ('refused' in result) return result.refused;
    this.#watch();
    return null;
  }

  send(bytes: Uint8Array): void {
    this.channel.write(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.destroy();
    await this.#network.stop();
  }

  #watch(): void {
    this.closed = new Promise((resolve) => {
      this.channel.handler = {
        onData() {},
        onDrain() {},
        onClosed: () => {
          this.isClosed = true;
          resolve();
        },
      };
    });
  }
}

export interface MemberOptions {
  /** Of the wire format. */
  readonly newestVersion?: number;
  /** How long it bears silence itself. */
  readonly silentMs?: number;
}

/** All channels that a member has to others, and others to it. */
interface Channels {
  readonly all: PeerChannel[];
  /** What becomes of each, and of each that comes. */
  treat(channel: PeerChannel): void;
}

/** A whole member in this process: what a real node is made of, but for stores and HTTP. */
export class HandMadeMember implements AsyncDisposable {
  readonly mqttPort: number;
  readonly cluster: Cluster;
  readonly #stop: () => Promise<void>;
  readonly #channels: Channels;
  #stopped: Promise<void> | null = null;

  private constructor(mqttPort: number, cluster: Cluster, channels: Channels, stop: () => Promise<void>) {
    this.mqttPort = mqttPort;
    this.cluster = cluster;
    this.#channels = channels;
    this.#stop = stop;
  }

  static async join(world: FaultWorld, options: MemberOptions = {}): Promise<HandMadeMember> {
    const { newestVersion, silentMs = 3000 } = options;
    const own = await network();
    const channels: Channels = { all: [], treat: () => {} };
    const seen = (channel: PeerChannel): void => {
      channels.all.push(channel);
      channels.treat(channel);
    };
    const watched = {
      peerId: own.peerId,
      get addresses() {
        return own.addresses;
      },
      dial: async (...target: Parameters<Libp2pNetwork['dial']>) => {
        const channel = await own.dial(...target);
        seen(channel);
        return channel;
      },
      accept: (protocol: string, take: (channel: PeerChannel) => void) =>
        own.accept(protocol, (channel) => {
          seen(channel);
          take(channel);
        }),
    };
    const config = loadConfig({ flags: {}, env: {}, readFile: () => '' });
    const turn = new Turn((run) => systemClock.setImmediate(run));
    const incarnation = Date.now();
    const addresses = () => own.addresses;
    const common = { clock: systemClock, turn, random: randomFraction, log };
    const pool = new LinkPool({
      ...common,
      network: watched,
      incarnation,
      ...(newestVersion !== undefined && { newestVersion }),
      options: linkPoolOptions({ ...config, peerDeadMs: silentMs }),
    });
    const cluster = new Cluster({
      ...common,
      name: CLUSTER,
      secrets: [world.secret],
      self: { nodeId: own.peerId, incarnation, addresses },
      pool,
      join: world.nodes.map(({ ports }) => `127.0.0.1:${ports.peer}`),
      resolver: systemResolver,
      discovery: null,
      options: { ...CLUSTER_DEFAULTS, deadMs: silentMs },
    });
    const messaging = new Messaging({
      options: config,
      clock: systemClock,
      turn,
      authenticator: { authenticate: (username) => ({ realm: 'default', username }) },
      newClientId: () => randomId(8),
      log,
      cluster,
      stores: NO_STORES,
    });
    const listener = new TcpListener({ host: '127.0.0.1', port: 0, backlog: 16 }, messaging.broker.accept);
    pool.start();
    cluster.start();
    messaging.start();
    const mqttPort = await listener.start();
    return new HandMadeMember(mqttPort, cluster, channels, async () => {
      await listener.stopAccepting();
      messaging.stop();
      cluster.stop();
      pool.stop();
      await own.stop();
    });
  }

  /** Takes nothing more from anybody, but accepts, and says that it lives. */
  stopReading(): void {
    this.#treat((channel) => channel.pause());
  }

  /** Accepts, but takes nothing more, and says nothing. */
  freeze(): void {
    this.#treat((channel) => {
      channel.pause();
      Object.defineProperty(channel, 'write', { value: () => true });
    });
  }

  #treat(treat: (channel: PeerChannel) => void): void {
    this.#channels.treat = treat;
    for (const channel of this.#channels.all) treat(channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }
}

const NO_STORES = {
  list: () => [],
  get: (store: string): never => {
    throw new PlexusError('store_not_found', { store });
  },
};
