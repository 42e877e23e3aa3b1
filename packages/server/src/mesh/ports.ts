import type { StampKeys } from '@plexus/protocol';
import type { PeerTarget } from '../peer/channel.ts';
import type { Link } from '../peer/link-ports.ts';

/**
 * What is looked up in the directory. A filter's key is its literal levels before the first wildcard, a topic has one for each prefix of its
 * levels: '' for the realm alone, else a '/' and the levels (`a/b/+/c` → `/a/b`; `/x/#` → `//x`). `key-paths.ts`.
 */
export type KeyPath = string;

/** As what a node is found under a key. */
export type KeyKind = 'subscriber' | 'publisher';

export interface MeshKey {
  readonly kind: KeyKind;
  readonly realm: string;
  readonly path: KeyPath;
}

/** The key in the directory, for each of the epochs in use: an HMAC under the realm's secret. Empty: this node takes no part in the realm now. */
export type DirectoryKeysOf = (key: MeshKey) => readonly Uint8Array[];

/** The cluster, as the mesh needs it; `cluster/cluster.ts` implements it. null where one is wanted: the node is in none. */
export interface ClusterForMesh {
  readonly nodeId: string;
  /** Hears of the filters of other members, as `TableWatcher`: key `{realm} NUL {filter}`, with `$share/{group}/` where it is shared. */
  watchInterest(watcher: {
    onEntry(nodeId: string, key: string, value: string): void;
    onGone(nodeId: string, key: string): void;
    onPurged(nodeId: string): void;
  }): void;
  readonly groups: {
    join(
      group: string,
      member: { id: string; nodeId: string; metadata: Readonly<Record<string, unknown>> },
    ): Promise<void>;
    leave(group: string, id: string): Promise<void>;
    members(group: string): readonly { readonly id: string; readonly nodeId: string }[];
    watch(group: string, listener: () => void): () => void;
  };
}

/** What this cluster wants, put together from all of its nodes. Without a cluster: this node. */
export interface Wants {
  /** Filters under a key, without `$share/{group}/`, each once. */
  filters(realm: string, path: KeyPath): readonly string[];
  /** Keys that some filter has. */
  paths(realm: string): Iterable<KeyPath>;
  /** The first or the last filter of a key came or went. `onFilter` is called before `onPath` when it comes, after it when it goes. */
  listener: {
    onPath(realm: string, path: KeyPath, isWanted: boolean): void;
    onFilter(realm: string, path: KeyPath, filter: string, isWanted: boolean): void;
  } | null;
}

/** Which node of a cluster speaks for a key: all of them see the same one. */
export interface Speakers {
  isOurs(realm: string, path: KeyPath): boolean;
  /** A node of the cluster has come to speak, or no longer does: ask again for every key. */
  onChange: ((realm: string) => void) | null;
}

export interface AdvertisementListing extends MeshKey {
  readonly state: 'waiting' | 'advertising' | 'advertised' | 'failed';
  /** Wall clock, ms, when it was last taken; null: not yet. */
  readonly advertisedAtMs: number | null;
  /** Clock milliseconds from now until it is said again. */
  readonly nextInMs: number;
}

/** Keeps keys advertised. */
export interface Advertiser {
  /** Newest first, as the rate allows. Does nothing if it is there. */
  add(key: MeshKey): void;
  /** It is not said again; the record expires. */
  remove(key: MeshKey): void;
  /** Whether the directory has it now. */
  isAdvertised(key: MeshKey): boolean;
  /** Epochs or tokens have changed: the keys of the realm are said anew. */
  refresh(realm: string): void;
  /** This node has other addresses: everything is said again, as news. */
  sayAgain(): void;
  list(): readonly AdvertisementListing[];
  /** It was taken for the first time, or for the first time since it had failed. */
  onAdvertised: ((key: MeshKey) => void) | null;
}

/** What is known of who is under a key. */
export interface Found {
  /** Addresses by peer id, without this node and without those that were wrong lately. */
  readonly targets: ReadonlyMap<string, PeerTarget>;
  /** Whether a query has come to an end, and its result has not expired: nobody else can be found now. Also one that failed, for a moment. */
  readonly isComplete: boolean;
}

export interface PendingQuery extends MeshKey {
  readonly ageMs: number;
  /** Until it is given up. */
  readonly leftMs: number;
  readonly found: number;
}

/** Who can be found under keys, from a bounded cache, and the queries that fill it: one in flight per key. */
export interface Lookups {
  /** What is known now; begins a query if nothing is, or it has expired. Counts as use. */
  get(key: MeshKey): Found;
  /** As `get`, without beginning anything and without counting as use. */
  peek(key: MeshKey): Found | null;
  /** Asks the directory now, whatever is known; joins a query that is in flight only if it began later than this call: there is one more behind it. */
  renew(key: MeshKey): void;
  /** Nobody waits for the answer any more. */
  cancel(key: MeshKey): void;
  /** Nobody will tell of changes under the key from now on: what is known is not used any more, and the next `get` asks anew. */
  forget(key: MeshKey): void;
  /** A record that turned out wrong: the peer is left out for a while, under every key; `onFound` is told of it as a publisher all the same. */
  wasWrong(peerId: string): void;
  /** It is here after all. */
  wasRight(peerId: string): void;
  /** All that were wrong have another chance. */
  forgive(): void;
  pending(): readonly PendingQuery[];
  /** Somebody has been found: told at once, while the query goes on, and of each peer once per query. */
  onFound: ((key: MeshKey, target: PeerTarget) => void) | null;
  /** A query has ended. `failed`: the directory is out of reach, or its deadline has passed; what was known before stays in use. */
  onEnd: ((key: MeshKey, failed: boolean) => void) | null;
}

/** Topics that are published here, as the prefixes under which this node can be found as their publisher. */
export interface PublishedTopics {
  /** Called now and then for a topic in use, not for every message. */
  touch(realm: string, topic: string): void;
  isPublished(realm: string, path: KeyPath): boolean;
  /** Publisher keys came and went. */
  listener: { onPath(realm: string, path: KeyPath, isPublished: boolean): void } | null;
}

/** What other nodes of the mesh want: their exact filters, as they say over links. */
export interface RemoteFilters {
  /** As `RemoteInterest.stamp`: grows with every change that can touch a topic with these keys. */
  stamp(realm: string, keys: StampKeys): number;
  /** Peers with a filter that matches, each once. Also those whose link has gone, until what is known of them is forgotten. */
  match(realm: string, topic: string): readonly string[];
}

/** Whom a topic goes to beyond the cluster. The same object until something changes. */
export interface MeshRoute {
  /** One peer of each cluster that wants it. */
  readonly peers: readonly string[];
  /** false: lookups go on, and more peers may come; what is published waits for them. */
  readonly isSettled: boolean;
}

export const NO_MESH_ROUTE: MeshRoute = { peers: [], isSettled: true };

/** The mesh as the router needs it. */
export interface MeshPort {
  /** Of this node. */
  readonly nodeId: string;
  /** Whether messages of the realm leave the cluster at all. */
  isFederated(realm: string): boolean;
  /** Grows with every change that can touch a route of a topic with these keys. */
  stamp(realm: string, keys: StampKeys): number;
  /**
   * Where a topic goes; begins the lookups it takes, and advertises this node as its publisher. Cheap when called again; callers keep the
   * answer by `stamp`, and ask again after at most `REASK_MS`, so that topics in use are known to be in use.
   */
  route(realm: string, topic: string): MeshRoute;
  /** null: there is no link now; `connect` makes one. */
  link(peerId: string): Link | null;
  /** Dials a peer whose link has gone. @param done with the link, when the peer has said again what it wants, or null when it cannot be reached */
  connect(peerId: string, done: (link: Link | null) => void): void;
  /** Whether a peer may be sent messages of the realm now. */
  maySend(realm: string, peerId: string): boolean;
  /** The same for all peers of one cluster, as their tokens say; else the peer id. */
  clusterOf(realm: string, peerId: string): string;
  /** Whether what comes over a link may be published there. Counts what may not. */
  accepts(link: Link, realm: string, topic: string): boolean;
  /** The route of topics in this realm may have changed: messages that wait look again. */
  onRoutes: ((realm: string) => void) | null;
}

/** A route that is kept is asked for again after this time, in milliseconds. */
export const REASK_MS = 1000;
