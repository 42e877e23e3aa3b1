import type {
  AbortOptions,
  Peer,
  PeerData,
  PeerId,
  PeerInfo,
  PeerQuery,
  PeerRouting,
  PeerStore,
} from '@libp2p/interface';
import { NotFoundError, peerRoutingSymbol } from '@libp2p/interface';
import type { KadDHT, KadDHTComponents, QueryEvent } from '@libp2p/kad-dht';
import type { Datastore } from 'interface-datastore';
import { ContactPings } from './contact-pings.ts';
import { askWhetherThere, KAD_PROTOCOL, type StreamSource, streamsOf } from './kad-requests.ts';

const MINUTE_MS = 60_000;
/**
 * How many nodes keep a record, and are asked for it: k. Each of them costs a request whenever somebody looks. With 8, as BitTorrent has
 * it, a record is lost only if all of 8 nodes go before it is said again, after 4 minutes.
 */
const REPLICAS = 8;
/** Requests under way at once on each of the paths of a query; 8 in all, so that a small mesh is asked in one go. */
const AT_ONCE_PER_PATH = 4;
/** Paths of a query that have no node in common: one that is led astray does not lead the other. S/Kademlia §4.4. */
const PATHS = 2;
/** Of requests of one kind on one connection; those past it are refused. */
const MAX_STREAMS = 256;
/**
 * What a request of a query gets, the connection included; more where all are slow. Less than a look may take as a whole: else one node
 * that says nothing would fail each of them, and never be found out.
 */
const QUERY_TIMEOUT = { minTimeout: 1500, maxTimeout: 3000 };
/** What a node gets that is asked whether it is there. */
const REQUEST_TIMEOUT = { minTimeout: 5000, maxTimeout: 15_000 };
/** What a node is told of another one goes to the peer store at most this often, unless it is new. It forgets addresses after an hour. */
const HEARD_AGAIN_MS = 10 * MINUTE_MS;
const MAX_HEARD = 4096;

/** What is inside of kad-dht 16.4.5 and not in its types. */
export interface KadInside extends KadDHT {
  readonly components: KadDHTComponents & {
    readonly peerStore: Pick<PeerStore, 'getInfo'>;
    readonly connectionManager: StreamSource;
  };
  readonly routingTable: EventTarget & {
    readonly size: number;
    add(peerId: PeerId, options?: AbortOptions): Promise<void>;
    remove(peerId: PeerId): Promise<void>;
  };
  readonly network: {
    sendRequest(to: PeerId, message: object, options: object): AsyncGenerator<QueryEvent>;
  };
  readonly queryManager: {
    run(
      key: Uint8Array,
      ask: (step: QueryStep) => AsyncGenerator<QueryEvent>,
      options: AbortOptions,
    ): AsyncGenerator<QueryEvent>;
  };
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface QueryStep {
  readonly peer: PeerInfo;
  readonly signal: AbortSignal;
  readonly path: object;
}

export interface KadServiceSetup {
  readonly isServer: boolean;
  readonly records: Datastore;
  /** Hears of the one that was made: libp2p makes its services itself. */
  made(kad: KadInside): void;
  /** Whether the peer store has an entry of it. */
  isKnown(peer: PeerId): boolean;
  now(): number;
}

type Components = KadDHTComponents;

/**
 * kad-dht as a service of libp2p, without what would do harm here:
 * - It pings whoever it hears of, and takes all that answer for nodes of the directory. Here they are asked in its own protocol, and not again
 *   and again.
 * - It has libp2p redial the nodes next to it as often as their idle connections are closed.
 * - A peer without an entry in the peer store fails the whole request that names it.
 * - It tells libp2p of each node it hears of, again with each answer.
 * - A dial of a peer whose address is not known would begin a query in the directory.
 */
export async function kadService(setup: KadServiceSetup): Promise<(components: Components) => unknown> {
  const { kadDHT, passthroughMapper } = await import('@libp2p/kad-dht');
  return (components) => {
    const make = kadDHT({
      protocol: KAD_PROTOCOL,
      peerInfoMapper: passthroughMapper,
      clientMode: !setup.isServer,
      kBucketSize: REPLICAS,
      alpha: AT_ONCE_PER_PATH,
      disjointPaths: PATHS,
      // It waits for the first node it hears of; queries wait for it.
      initialQuerySelfInterval: 100,
      querySelfInterval: MINUTE_MS / 2,
      // Our store does both by itself. A record of this node is never in it, so that none is said again by kad-dht.
      reprovide: { validity: 5 * MINUTE_MS, interval: MINUTE_MS, threshold: 0 },
      maxInboundStreams: MAX_STREAMS,
      maxOutboundStreams: MAX_STREAMS,
      networkDialTimeout: QUERY_TIMEOUT,
      pingNewContactTimeout: REQUEST_TIMEOUT,
      pingOldContactTimeout: REQUEST_TIMEOUT,
      // There are no values in this directory, only records.
      validators: { pk: refuse },
    });
    const { connectionManager: manager, peerStore } = components;
    const isDialable: typeof manager.isDialable = (address, options) => manager.isDialable(address, options);
    const connectionManager = { ...streamsOf(manager), isDialable };
    const kad = make({
      peerId: components.peerId,
      privateKey: components.privateKey,
      registrar: components.registrar,
      addressManager: components.addressManager,
      peerStore: new KadPeers(peerStore) as unknown as PeerStore,
      // As much of it as kad-dht uses.
      connectionManager,
      events: components.events,
      logger: components.logger,
      datastore: setup.records,
      ping: new ContactPings({
        ask: (peer, options) => askWhetherThere(connectionManager, peer, options),
        isConnected: (peer) => manager.getConnections(peer).length > 0,
        now: setup.now,
      }),
    } as unknown as Components) as KadInside;
    const heard = new Heard(peerStore, setup);
    const self = components.peerId;
    (kad as unknown as EventTarget).addEventListener('peer', (event) => {
      const { detail } = event as CustomEvent<PeerInfo>;
      if (!self.equals(detail.id)) heard.of(detail);
    });
    setup.made(kad);
    return { start: () => kad.start(), stop: () => kad.stop(), [peerRoutingSymbol]: routing(kad) };
  };
}

function refuse(): never {
  throw new TypeError('this directory keeps no values');
}

/** For whoever wants to meet nodes at random. Nobody's address is looked up here: records have addresses. */
function routing(kad: KadInside): PeerRouting {
  return {
    findPeer: () => Promise.reject(new NotFoundError()),
    async *getClosestPeers(key, options) {
      for await (const event of kad.getClosestPeers(key, options)) if (event.name === 'FINAL_PEER') yield event.peer;
    },
  };
}

/** As much of the peer store as kad-dht uses. */
class KadPeers {
  readonly #peers: PeerStore;

  constructor(peers: PeerStore) {
    this.#peers = peers;
  }

  async get(id: PeerId, options?: AbortOptions): Promise<Peer> {
    try {
      return await this.#peers.get(id, options);
    } catch (error) {
      if ((error as Error).name !== 'NotFoundError') throw error;
      return { id, addresses: [], protocols: [], metadata: new Map(), tags: new Map() };
    }
  }

  async getInfo(id: PeerId, options?: AbortOptions): Promise<PeerInfo> {
    const { addresses } = await this.get(id, options);
    return { id, multiaddrs: addresses.map(({ multiaddr }) => multiaddr) };
  }

  all(query?: PeerQuery): Promise<Peer[]> {
    return this.#peers.all(query);
  }

  /** Tags would have libp2p keep and redial them. */
  async merge(id: PeerId, { tags, ...data }: PeerData, options?: AbortOptions): Promise<Peer> {
    return tags === undefined ? this.#peers.merge(id, data, options) : this.get(id, options);
  }
}

/** Passes on what nodes say of others, so that they can be dialled. */
class Heard {
  readonly #peers: PeerStore;
  readonly #setup: Pick<KadServiceSetup, 'now' | 'isKnown'>;
  /** By peer; the longest ago first. */
  readonly #heard = new Map<string, { readonly addresses: string; readonly atMs: number }>();

  constructor(peers: PeerStore, setup: Pick<KadServiceSetup, 'now' | 'isKnown'>) {
    this.#peers = peers;
    this.#setup = setup;
  }

  of({ id, multiaddrs }: PeerInfo): void {
    if (multiaddrs.length === 0) return;
    // As text that is made quickly: this is called some fifty times for each look.
    const peerId = Buffer.from(id.toMultihash().bytes).toString('latin1');
    const addresses = multiaddrs.join();
    const last = this.#heard.get(peerId);
    const atMs = this.#setup.now();
    const isOld = last !== undefined && last.addresses === addresses && atMs - last.atMs < HEARD_AGAIN_MS;
    if (isOld && this.#setup.isKnown(id)) return;
    this.#heard.delete(peerId);
    this.#heard.set(peerId, { addresses, atMs });
    for (const oldest of this.#heard.keys()) {
      if (this.#heard.size <= MAX_HEARD) break;
      this.#heard.delete(oldest);
    }
    // It may be too much for one peer.
    this.#peers.merge(id, { multiaddrs }).catch(() => {});
  }
}
