import type { RealmProblem } from '../auth/federation/kept-realm.ts';
import type { NatStatus } from '../peer/nat.ts';
import type { LookupCounters } from './discover/lookup-options.ts';
import type { MeshPeerListing } from './link-ports.ts';
import type { AdvertisementListing, PendingQuery } from './ports.ts';

/** What is found when a topic is looked up, key by key. */
export interface TopicLookup {
  /** Of the key: '' for the realm alone, else a '/' and the levels. */
  readonly path: string;
  /** Whether a query has come to an end: nobody else is there. */
  readonly isComplete: boolean;
  /** Peer ids. */
  readonly subscribers: readonly string[];
}

/** Whether the mesh is well, as far as this node can tell. */
export interface MeshHealth {
  /** There should be somebody in the directory, and nobody has answered lately; what is known already stays in use. */
  readonly outOfReach: boolean;
  readonly realms: readonly RealmProblem[];
}

/** The mesh, as this node sees it. */
export interface MeshStatus extends MeshHealth {
  /** In the directory. `client`: it asks, but keeps nothing for others. */
  readonly mode: 'server' | 'client';
  /** Nodes of the directory that this one knows. */
  readonly directoryPeers: number;
  /** Of other nodes, kept here. */
  readonly directoryRecords: number;
  /** null: the network cannot tell */
  readonly reachability: NatStatus | null;
  readonly peers: readonly MeshPeerListing[];
  readonly advertisements: Readonly<Record<AdvertisementListing['state'], number>> & {
    /** Records that were sent; a key has one for each epoch in use. */
    readonly sent: number;
    /** Keys whose records were not all taken, each time. */
    readonly failures: number;
    /** Keys that were not advertised because there were too many. */
    readonly refused: number;
  };
  readonly lookups: Pick<LookupCounters, 'queries' | 'failed' | 'hits' | 'misses' | 'evictions'> & {
    /** Of which something is known. */
    readonly keys: number;
    readonly running: number;
    /** For their turn. */
    readonly waiting: number;
  };
  /** Messages that wait until it is known who wants them, or for a link. */
  readonly pending: { readonly topics: number; readonly messages: number; readonly bytes: number };
  /** Messages that came a second time, and were dropped. */
  readonly duplicates: number;
  /** What peers were refused, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
}

/** Who wants a topic. */
export interface TopicSearch {
  readonly keys: readonly TopicLookup[];
  /** false: the token of this node does not let it publish there */
  readonly mayPublish: boolean;
  /** One of each cluster that wants it: a message would go to them now. */
  readonly peers: readonly string[];
}

/** What is waited for. */
export interface MeshPending {
  readonly queries: readonly PendingQuery[];
  readonly topics: readonly {
    readonly realm: string;
    readonly topic: string;
    readonly messages: number;
    /** Of the message that waits for longest. */
    readonly ageMs: number;
  }[];
}
