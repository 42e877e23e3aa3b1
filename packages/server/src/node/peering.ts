import packageJson from '../../package.json' with { type: 'json' };
import { Cluster } from '../cluster/cluster.ts';
import { CLUSTER_DEFAULTS } from '../cluster/cluster-setup.ts';
import type { Config } from '../config.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { randomFraction } from '../lib/random.ts';
import type { Turn } from '../lib/turn.ts';
import { toMultiaddr } from '../peer/addresses.ts';
import type { PeerNetwork } from '../peer/channel.ts';
import type { Identity } from '../peer/identity.ts';
import { Libp2pNetwork, type Libp2pNetworkOptions } from '../peer/libp2p-network.ts';
import { LinkPool } from '../peer/link-pool.ts';
import { LINK_POOL_DEFAULTS, type LinkPoolOptions } from '../peer/link-pool-options.ts';
import { NAT_DEFAULTS } from '../peer/nat.ts';
import { RECORD_LIMITS } from '../peer/record-store.ts';
import { type Resolver, systemResolver } from '../peer/resolver.ts';

/** Room in a frame for what goes around the largest packet. */
const FRAME_ROOM_BYTES = 256 * 1024;
/** Connections beside those of MQTT clients: links, and peers that are being introduced. */
const PEER_CONNECTIONS = 1024;

type PeerConfig = Pick<
  Config,
  | 'maxPacketBytes'
  | 'maxLinks'
  | 'dialTimeoutMs'
  | 'heartbeatIntervalMs'
  | 'peerDeadMs'
  | 'linkQueueBytes'
  | 'linkHeldBytes'
  | 'linkCreditBytes'
>;

export function linkPoolOptions(config: PeerConfig): LinkPoolOptions {
  const { maxPacketBytes, maxLinks, dialTimeoutMs, heartbeatIntervalMs, peerDeadMs } = config;
  const { linkQueueBytes, linkHeldBytes, linkCreditBytes } = config;
  return {
    ...LINK_POOL_DEFAULTS,
    maxLinks,
    dialTimeoutMs,
    introductionTimeoutMs: dialTimeoutMs,
    link: {
      ...LINK_POOL_DEFAULTS.link,
      windowBytes: linkCreditBytes,
      maxFrameBytes: maxPacketBytes + FRAME_ROOM_BYTES,
      maxQueuedBytes: linkQueueBytes,
      maxHeldBytes: linkHeldBytes,
      heartbeatMs: heartbeatIntervalMs,
      silentMs: peerDeadMs,
    },
  };
}

export interface PeeringParts {
  readonly config: Config;
  readonly network: PeerNetwork;
  readonly incarnation: number;
  /** Those of the cluster; null: none is configured */
  readonly secrets: readonly string[] | null;
  readonly clock: Clock;
  readonly turn: Turn;
  /** In [0, 1). */
  readonly random: () => number;
  /** Default: the system's generator. */
  readonly entropy?: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Default: the system's. */
  readonly resolver?: Resolver;
}

/** A node among others: its links, and the cluster that it is a member of. */
export interface Peering {
  readonly pool: LinkPool;
  /** null: none is configured */
  readonly cluster: Cluster | null;
}

export function makePeering(parts: PeeringParts): Peering {
  const { config, network, incarnation, secrets, clock, turn, random, entropy, log } = parts;
  const { resolver = systemResolver } = parts;
  const addresses = addressesOf(config, network);
  const options = linkPoolOptions(config);
  const pool = new LinkPool({
    network,
    incarnation,
    clock,
    turn,
    random,
    ...(entropy !== undefined && { entropy }),
    log,
    addresses,
    options,
  });
  if (config.cluster === null || secrets === null) return { pool, cluster: null };
  const cluster = new Cluster({
    name: config.cluster,
    secrets,
    self: { nodeId: network.peerId, incarnation, addresses },
    pool,
    join: config.join,
    resolver,
    discovery: config.mdns && network instanceof Libp2pNetwork ? lanDiscovery(network) : null,
    clock,
    turn,
    random,
    log,
    options: { ...CLUSTER_DEFAULTS, deadMs: config.peerDeadMs },
  });
  return { pool, cluster };
}

/** The network of a node that runs. */
export function makeNetwork(config: Config, identity: Identity, log: Logger): Libp2pNetwork {
  return new Libp2pNetwork({
    identity,
    host: config.host,
    port: config.peerPort,
    quic: config.quic,
    mdns: config.mdns,
    maxConnections: config.maxClients + config.maxLinks + PEER_CONNECTIONS,
    version: packageJson.version,
    clock: systemClock,
    log,
    ...(config.mesh && meshNetworking(config)),
  });
}

function meshNetworking(config: Config): Pick<Libp2pNetworkOptions, 'directory' | 'nat' | 'announce'> {
  const { reachable, meshJoin, advertisementTtlS, relay, relayDataBytes, relayDurationS, maxRelayed, upnp } = config;
  const mode = ({ auto: 'auto', yes: 'server', no: 'client' } as const)[reachable];
  const limits = { ...RECORD_LIMITS, validityMs: advertisementTtlS * 1000 };
  return {
    directory: { mode, bootstrap: meshJoin, clock: systemClock, random: randomFraction, limits },
    nat: {
      ...NAT_DEFAULTS,
      relay,
      relayDataBytes,
      relayDurationMs: relayDurationS * 1000,
      maxReservations: maxRelayed,
      upnp,
      isReachable: reachable,
    },
    // Who says that nobody reaches it is told of under the addresses of its relays.
    ...(config.publicAddresses.length > 0 &&
      reachable !== 'no' && { announce: config.publicAddresses.map(toMultiaddr) }),
  };
}

/** @param onPort hears of the real port */
export function addPeering(
  lifecycle: Lifecycle,
  network: Libp2pNetwork,
  { pool }: Peering,
  onPort: (port: number) => void,
): void {
  lifecycle.add('peer port', {
    start: async () => {
      await network.start();
      onPort(network.port);
    },
    stop: () => network.stop(),
  });
  lifecycle.add('links', pool);
}

function addressesOf({ publicAddresses, reachable }: Config, network: PeerNetwork): () => readonly string[] {
  if (publicAddresses.length === 0 || reachable === 'no') return () => network.addresses;
  const told = publicAddresses.map(toMultiaddr);
  return () => told;
}

function lanDiscovery(network: Libp2pNetwork) {
  let stop: (() => void) | null = null;
  return {
    start: (onPeer: Parameters<Libp2pNetwork['discovered']>[0]): void => {
      stop = network.discovered(onPeer);
    },
    stop: (): void => stop?.(),
  };
}
