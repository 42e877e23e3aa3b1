/** What the HTTP API needs from the rest of the node. `node.ts` passes the implementations in. */
import type { Properties, Qos } from '@plexus/protocol';
import type { FilterCount, MemberListing, RemoteRoute } from '../cluster/ports.ts';
import type { StoreListing } from '../gateway/store-listing.ts';
import type { Clock } from '../lib/clock.ts';
import type { AdvertisementListing } from '../mesh/ports.ts';
import type { MeshHealth, MeshPending, MeshStatus, TopicSearch } from '../mesh/status.ts';
import type { LinkInfo } from '../peer/link-ports.ts';
import type { Stores } from '../store/store.ts';
import type { BrokerStats, ClientInfo, NodeDescription, SessionInfo } from './schemas.ts';

export type { BrokerStats, ClientInfo, NodeDescription, SessionInfo } from './schemas.ts';

/** One page of a listing, in an order that stays the same while nothing comes or goes. */
export interface Listing<T> {
  items: T[];
  /** Opaque; null at the end. */
  next: string | null;
}

export interface PageQuery {
  /** Only this realm; absent: all. */
  realm?: string;
  /** `next` of the page before, or null for the first. One that is no cursor is a PlexusError `bad_request`. */
  after: string | null;
  /** At least 1. */
  limit: number;
}

export interface Clients {
  list(query: PageQuery & { endpoint?: string }): Listing<ClientInfo>;
  get(realm: string, clientId: string): ClientInfo | null;
  /** Closes the connection (0x98). @returns false if there is no such client. */
  kick(realm: string, clientId: string): boolean;
  /** QoS 0 to every connected client of the realm, subscribed or not. @returns how many clients it was sent to. */
  broadcast(realm: string, topic: string, payload: Uint8Array): number;
}

export interface Sessions {
  list(query: PageQuery): Listing<SessionInfo>;
}

/** A message as a program hands it in. */
export interface OutsideMessage {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  /** Of a PUBLISH. */
  properties?: Properties;
}

export interface PublishResult {
  /** `refused`: a queue is full and `queueFull` is `reject`. */
  outcome: 'accepted' | 'refused';
  /** Local subscriptions that matched. */
  matched: number;
}

export interface Publisher {
  /** Answers when a QoS 1 or 2 message is as safe as a client's would be at its PUBACK. @throws PlexusError `realm_not_found` */
  publish(realm: string, message: OutsideMessage): Promise<PublishResult>;
}

/** Links to other nodes, members of the cluster or not. */
export interface PeersView {
  links(): readonly LinkInfo[];
  /** Closes the links with a peer that are not pinned, after what waits there is sent. */
  remove(peerId: string): void;
  /** Channels that were turned away before they were links, by us or by the other end: how many, by reason. */
  refusals(): Readonly<Record<string, number>>;
}

export interface ClusterStatus {
  /** Addresses to join at behind which there is nobody yet. */
  readonly sought: readonly string[];
  /** How often two nodes were seen with one identity. */
  readonly sameIdentity: number;
  /** How often the copy of another node's table had to be made anew. */
  readonly resyncs: number;
}

export interface ClusterView {
  /** null: this node is in none. */
  readonly name: string | null;
  /** This node, and the others that it knows of. */
  members(): readonly MemberListing[];
  status(): ClusterStatus;
  /** Where else a message on a topic goes. */
  route(realm: string, topic: string): RemoteRoute;
  /** Says so, waits for what is on its way, and goes on alone. */
  leave(): Promise<void>;
}

export interface LocalMatch {
  /** Whether a session has a subscription that is not shared. */
  readonly subscribed: boolean;
  /** Shared subscriptions with members here, by `$share/{group}/{filter}`. */
  readonly shares: readonly { readonly key: string; readonly count: FilterCount }[];
}

/** What is wanted on this node. */
export interface LocalInterest {
  /** @param topic a valid one */
  match(realm: string, topic: string): LocalMatch;
}

/** The stores of all nodes. */
export interface ClusterStoresView {
  /** Asks every node that has some. In order of realms and names. */
  listing(): Promise<readonly StoreListing[]>;
  /** Stores that are not served because another of the same name is. */
  readonly conflicts: number;
}

/** The mesh as this node sees it. */
export interface MeshView {
  health(): MeshHealth;
  status(): MeshStatus;
  /**
   * Asks the directory, and whoever it names, as long as one question may take. This node is not advertised as a publisher for it.
   * @param topic a valid one, that does not begin with `$`
   * @throws {PlexusError} realm_not_in_mesh, quota_exceeded
   */
  lookup(realm: string, topic: string): Promise<TopicSearch>;
  /** In the order in which they were added. @param after `next` of the page before, or 0 */
  advertisements(
    after: number,
    limit: number,
  ): { readonly items: readonly AdvertisementListing[]; readonly next: number | null };
  pending(): MeshPending;
}

export interface Stats {
  snapshot(): BrokerStats;
}

export interface Readiness {
  /** Names of conditions that are not met; empty is ready. */
  unmet(): string[];
}

export interface AdminLog {
  error(details: object, message: string): void;
}

export interface AdminPorts {
  node: { describe(): NodeDescription };
  clients: Clients;
  sessions: Sessions;
  publisher: Publisher;
  stats: Stats;
  readiness: Readiness;
  stores: Stores;
  localInterest: LocalInterest;
  /** Absent: `NO_PEERS`. */
  peers?: PeersView;
  /** Absent: `aloneOf`. */
  cluster?: ClusterView;
  /** Absent: the node takes no part in it. */
  mesh?: MeshView;
  /** Absent: there are the stores of this node and no others. */
  clusterStores?: ClusterStoresView;
  clock: Clock;
  log: AdminLog;
}
