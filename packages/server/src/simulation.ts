/**
 * A node without sockets, HTTP, disk and stores, for the simulation: everything that is not deterministic comes in from outside. The parts,
 * and how they are joined, are those of `node.ts`.
 */
import { PlexusError } from '@plexus/protocol';
import type { FederatedRealms } from './auth/federation/federated-realm.ts';
import type { Transport, TransportHandler } from './broker/transport.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { PeerInterest } from './cluster/remote-interest.ts';
import { type Config, loadConfig } from './config.ts';
import { type Clock, systemClock } from './lib/clock.ts';
import { createLogger } from './lib/log.ts';
import { randomFraction } from './lib/random.ts';
import { Turn } from './lib/turn.ts';
import type { MeshPeerListing } from './mesh/link-ports.ts';
import type { TopicLookup } from './mesh/status.ts';
import { type Meshing, makeMesh } from './node/meshing.ts';
import { Messaging } from './node/messaging.ts';
import { makePeering, type Peering } from './node/peering.ts';
import type { PeerNetwork } from './peer/channel.ts';
import type { Directory } from './peer/directory.ts';
import { newIdentity } from './peer/identity.ts';
import { Libp2pNetwork } from './peer/libp2p-network.ts';
import type { Link } from './peer/link-ports.ts';
import type { Stores } from './store/store.ts';

export type {
  FederatedRealm,
  FederatedRealms,
  RealmToken,
  TokenProblem,
} from './auth/federation/federated-realm.ts';
export type { Transport, TransportHandler } from './broker/transport.ts';
export type { Clock, Timer } from './lib/clock.ts';
export type { PeerChannel, PeerChannelHandler, PeerNetwork, PeerTarget } from './peer/channel.ts';
export type { Directory, DirectoryKey, DirectoryStatus } from './peer/directory.ts';
export { FIRST_DATA_TYPE, FrameType } from './peer/frame-types.ts';

/** What a simulated node is made of. */
export interface MessagingNodeParts {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** For nonces, session ids and the like. */
  readonly entropy: (count: number) => Uint8Array;
  readonly network: PeerNetwork;
  /** Of this start; grows with every start of the same identity. */
  readonly incarnation: number;
  /** Options of the option table, where they differ from the defaults. */
  readonly options: Readonly<Partial<Config>>;
  /** null: the node is in none */
  readonly cluster: string | null;
  readonly secret: string;
  /** Multiaddrs or `host:port`. */
  readonly join: readonly string[];
  /** What an MQTT user name stands for. Password: none. null (anonymous): `default`. */
  readonly realmOf: (username: string | null) => string;
  /** Lines of the node's log, as JSON; from `warn` on. */
  readonly onLog: (line: string) => void;
  readonly watcher: NodeWatcher;
  readonly plant: NodePlant;
  /** null: it takes no part in the mesh */
  readonly mesh: MeshSetting | null;
}

/** What the mesh part of a simulated node is made of. */
export interface MeshSetting {
  readonly directory: Directory;
  readonly realms: FederatedRealms;
}

/** Bugs that only the node itself can have. All false in a node without a plant. */
export interface NodePlant {
  /** Messages are still sent by a member's filters when it is down. */
  readonly forgetPurge: boolean;
  /** A held frame counts as answered when it is handed to the link. */
  readonly answerEarly: boolean;
}

/** Who hears of what a node believes of the others. Called in the turn in which the node tells its own parts. */
export interface NodeWatcher {
  /** `gone`: it is down, has left, or was started anew; its tables are purged by now. */
  onMember(nodeId: string, incarnation: number, state: 'up' | 'gone'): void;
}

/** A filter that is wanted on one node. */
export interface InterestEntry {
  readonly realm: string;
  /** With `$share/{group}/` in front where it is shared. */
  readonly filter: string;
}

export interface RetainedEntry {
  readonly realm: string;
  readonly topic: string;
  readonly payload: string;
}

export interface LinkView {
  readonly peerId: string;
  readonly state: 'up' | 'lost' | 'closed';
  readonly queuedBytes: number;
  readonly heldBytes: number;
}

/** What the simulation looks at; the node is not changed by looking. */
export interface MessagingNodeView {
  /** Members that are up, without itself. */
  peers(): readonly { readonly nodeId: string; readonly incarnation: number }[];
  /** What the node has heard. null: of the node itself. Empty for a node that is not known. */
  interest(nodeId: string | null): readonly InterestEntry[];
  /** Filters of another node that messages are sent by: as many as it has heard of. */
  filterCount(nodeId: string): number;
  /** Which other nodes a topic goes to, those with shared subscriptions too. */
  destinations(realm: string, topic: string): readonly string[];
  /** Members of a group, as this node sees them. */
  members(group: string): readonly { readonly id: string; readonly nodeId: string }[];
  retained(): readonly RetainedEntry[];
  links(): readonly LinkView[];
  /** Messages that wait in sessions. */
  queuedMessages(): number;
  /** Missing: it takes no part in the mesh. */
  readonly mesh?: MeshNodeView;
}

export interface MeshNodeView {
  /** Messages that wait until it is known who wants them. */
  readonly pendingMessages: number;
  /** Keys, each as `kind realm path state`. */
  advertised(): readonly string[];
  /** What is known of who wants a topic. */
  lookup(realm: string, topic: string): readonly TopicLookup[];
  /** Other nodes of the mesh, as this one knows them. */
  peers(): readonly MeshPeerListing[];
}

/** A node without its listeners, HTTP and stores: broker, router, cluster and links. */
export interface MessagingNode {
  readonly view: MessagingNodeView;
  /** Joins the cluster; does not wait for anybody. */
  start(): void;
  accept(transport: Transport): TransportHandler | null;
  joinGroup(group: string, id: string): void;
  leaveGroup(group: string, id: string): void;
  /** Says that it leaves, and closes everything; the process may end when it resolves. */
  stop(): Promise<void>;
}

/** How long a stop waits for clients, and for what other nodes still have to answer. */
const STOP_MS = 2000;
/** Clients of a simulation come all from one address. */
const ANY_RATE = { connectionRatePerAddress: 1_000_000, connectionBurstPerAddress: 1_000_000 };
const DEFAULTS = loadConfig({ flags: {}, env: {}, readFile: () => '' });

const NO_STORES: Stores = {
  list: () => [],
  get: (store) => {
    throw new PlexusError('store_not_found', { store });
  },
};

export function createMessagingNode(parts: MessagingNodeParts): MessagingNode {
  const { clock, random, entropy, network, incarnation, realmOf, plant, watcher } = parts;
  const config: Config = {
    ...DEFAULTS,
    ...ANY_RATE,
    cluster: parts.cluster,
    join: [...parts.join],
    mdns: false,
    ...parts.options,
  };
  const turn = new Turn((run) => clock.setImmediate(run));
  const log = createLogger({ level: 'warn', destination: { write: parts.onLog } });
  const resolver = { addresses: async () => [], services: async () => [] };
  const common = { config, network, incarnation, clock, turn, random, log };
  const peering = makePeering({ ...common, secrets: [parts.secret], entropy: entropy, resolver });
  const { cluster } = peering;
  const filters = cluster === null ? null : new FilterLog(cluster);
  if (plant.forgetPurge && cluster !== null) (cluster.interest as PeerInterest).onPurged = () => {};
  if (plant.answerEarly && cluster !== null) answerEarly(cluster);
  const meshing =
    parts.mesh && makeMesh({ ...common, ...parts.mesh, nodeId: network.peerId, pool: peering.pool, cluster });
  const messaging = new Messaging({
    options: config,
    clock,
    turn,
    authenticator: { authenticate: (username) => ({ realm: realmOf(username), username }) },
    newClientId: () => `assigned-${Buffer.from(entropy(8)).toString('hex')}`,
    log,
    cluster,
    mesh: meshing?.mesh ?? null,
    stores: NO_STORES,
  });
  cluster?.onMember(({ kind, member }) => {
    if (kind === 'joined') watcher.onMember(member.nodeId, member.incarnation, 'up');
    else if (kind !== 'leaving') watcher.onMember(member.nodeId, member.incarnation, 'gone');
  });
  return {
    view: viewOf(messaging, peering, filters, meshing),
    start: () => {
      peering.pool.start();
      cluster?.start();
      messaging.start();
      meshing?.mesh.start();
    },
    accept: (transport) => messaging.broker.accept(transport, 'memory'),
    joinGroup: (group, id) => void cluster?.groups.join(group, { id, nodeId: network.peerId, metadata: {} }),
    leaveGroup: (group, id) => void cluster?.groups.leave(group, id),
    stop: async () => {
      const deadline = new AbortController();
      clock.setTimeout(() => deadline.abort(), STOP_MS);
      await messaging.drain(deadline.signal);
      await cluster?.leave(deadline.signal);
      meshing?.mesh.stop();
      messaging.stop();
      cluster?.stop();
      await peering.pool.stop();
    },
  };
}

/** A node of the real directory, on loopback: what the model of it is measured by. */
export interface DirectoryNode {
  readonly directory: Directory;
  /** Of its looks and advertisements so far, without those that ask nodes to keep a record. */
  readonly requests: { readonly answered: number; readonly failed: number };
  /** Multiaddrs, with the peer id. */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

/** @param bootstrap addresses of others; none: it is the first */
export async function openDirectoryNode(bootstrap: readonly string[]): Promise<DirectoryNode> {
  const network = new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port: 0,
    quic: false,
    maxConnections: 1000,
    version: '0.0.0',
    directory: { mode: 'server', bootstrap, clock: systemClock, random: randomFraction },
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });
  await network.start();
  const directory = network.directory!;
  return {
    directory,
    requests: directory.requests,
    addresses: network.addresses.map((address) => `${address}/p2p/${network.peerId}`),
    stop: () => network.stop(),
  };
}

/** What was said of filters, in plain sets: what a node has heard is compared with what it does. */
class FilterLog {
  readonly #own = new Set<string>();
  readonly #heard = new Map<string, Set<string>>();

  constructor(cluster: Cluster) {
    cluster.watchInterest({
      onEntry: (nodeId, key) => void this.#of(nodeId).add(key),
      onGone: (nodeId, key) => void this.#of(nodeId).delete(key),
      onPurged: (nodeId) => void this.#heard.delete(nodeId),
    });
    const { ownInterest } = cluster;
    const set = ownInterest.set.bind(ownInterest);
    ownInterest.set = (realm, filter, count) => {
      if (count.online + count.away === 0) this.#own.delete(`${realm}\0${filter}`);
      else this.#own.add(`${realm}\0${filter}`);
      set(realm, filter, count);
    };
  }

  entries(nodeId: string | null): InterestEntry[] {
    return [...(nodeId === null ? this.#own : (this.#heard.get(nodeId) ?? []))].map((key) => {
      const at = key.indexOf('\0');
      return { realm: key.slice(0, at), filter: key.slice(at + 1) };
    });
  }

  #of(nodeId: string): Set<string> {
    let keys = this.#heard.get(nodeId);
    if (keys === undefined) {
      keys = new Set();
      this.#heard.set(nodeId, keys);
    }
    return keys;
  }
}

function viewOf(
  messaging: Messaging,
  { pool, cluster }: Peering,
  filters: FilterLog | null,
  meshing: Meshing | null,
): MessagingNodeView {
  const { broker } = messaging;
  return {
    ...(meshing !== null && { mesh: meshViewOf(messaging, meshing) }),
    peers: () => (cluster?.members() ?? []).filter(({ self, state }) => !self && state === 'up'),
    interest: (nodeId) => filters?.entries(nodeId) ?? [],
    filterCount: (nodeId) => cluster?.interest.filters(nodeId) ?? 0,
    destinations: (realm, topic) => {
      if (cluster === null) return [];
      const { nodes, shares } = cluster.interest.match(realm, topic);
      return [...nodes, ...shares.flatMap(({ holders }) => holders.map(({ nodeId }) => nodeId))];
    },
    members: (group) => cluster?.groups.members(group) ?? [],
    retained: () => [...broker.realms.all()].flatMap(({ name }) => retainedIn(name, broker.context.retained)),
    links: () => pool.list(),
    queuedMessages: () => {
      let count = 0;
      for (const { sessions } of broker.realms.all()) {
        for (const { state } of sessions.values()) count += state.queuedMessages;
      }
      return count;
    },
  };
}

function meshViewOf(messaging: Messaging, { mesh, advertiser, links }: Meshing): MeshNodeView {
  return {
    advertised: () => advertiser.list().map(({ kind, realm, path, state }) => `${kind} ${realm} ${path} ${state}`),
    lookup: (realm, topic) => mesh.lookup(realm, topic),
    peers: () => links.peers(),
    get pendingMessages() {
      return messaging.beyond().messages;
    },
  };
}

function retainedIn(realm: string, store: Messaging['broker']['context']['retained']): RetainedEntry[] {
  const entries: RetainedEntry[] = [];
  const topics = store.match(realm, '#');
  for (let next = topics.next(); next.done !== true; next = topics.next()) {
    const message = next.value === null ? null : store.get(realm, next.value);
    if (message === null) continue;
    const payload = Buffer.from(message.buffer.subarray(message.payloadStart, message.payloadEnd)).toString();
    entries.push({ realm, topic: next.value!, payload });
  }
  return entries;
}

/** Plants a bug: publishers are answered before the other node has. */
function answerEarly(cluster: Cluster): void {
  const find = cluster.link.bind(cluster);
  const spoilt = new WeakSet<Link>();
  cluster.link = (nodeId) => {
    const link = find(nodeId);
    if (link !== null && !spoilt.has(link)) {
      spoilt.add(link);
      const held = link.held.bind(link);
      link.held = (type, head, body, obligations, slot) => {
        held(type, head, body, { meet: () => {} }, slot);
        obligations.meet(slot, 0);
      };
    }
    return link;
  };
}
