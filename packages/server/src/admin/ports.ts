/** What the HTTP API needs from the rest of the node. `node.ts` passes the implementations in. */
import type { Properties, Qos } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
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
  clock: Clock;
  log: AdminLog;
}
