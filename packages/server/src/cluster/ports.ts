import type { StampKeys } from '@plexus/protocol';
import type { Link, LinkState } from '../peer/link-ports.ts';

/** `down`: it did not say that it leaves, and is not there. Those that left are forgotten. */
export type MemberState = 'joining' | 'up' | 'leaving' | 'down';

/** Another node of the cluster, in one of its lives: a node that is started anew is another member. */
export interface Member {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly state: MemberState;
  /** Multiaddrs. */
  readonly addresses: readonly string[];
  /** null unless it is up or leaving. */
  readonly link: Link | null;
  /** Wall clock, milliseconds, since when it is in this state. */
  readonly sinceMs: number;
}

export interface MemberListing {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly state: MemberState;
  readonly self: boolean;
  readonly addresses: readonly string[];
  readonly link: LinkState | null;
  readonly sinceMs: number;
  /** Filters it wants messages of, and members of groups it has. */
  readonly filters: number;
  readonly groupMembers: number;
}

/**
 * One table of a node that all others have a copy of: its filters, its members of groups. Keys and values are short texts. A change
 * reaches every link at the end of the turn; a link that is new gets everything, then the changes.
 */
export interface OwnTable {
  readonly size: number;
  /** Does nothing if it is so already. */
  set(key: string, value: string): void;
  delete(key: string): void;
}

/** Copies of one table of the other nodes. */
export interface TableWatcher {
  /** An entry of `nodeId` is there, or has another value. */
  onEntry(nodeId: string, key: string, value: string): void;
  onGone(nodeId: string, key: string): void;
  /** Everything of `nodeId` is gone: its node is down, left or was started anew. Has to be quick however much it is. */
  onPurged(nodeId: string): void;
}

/** What is in the interest table under a filter: how many sessions, by whether they have a connection. */
export interface FilterCount {
  readonly online: number;
  /** Of persistent sessions without a connection. */
  readonly away: number;
}

/** A shared subscription with members on other nodes. */
export interface RemoteShare {
  /** `$share/{group}/{filter}` */
  readonly key: string;
  readonly holders: readonly { readonly nodeId: string; readonly count: FilterCount }[];
}

/** Which other nodes a topic goes to; the same object until the interest of some node changes that. */
export interface RemoteRoute {
  /** Those with subscriptions that are not shared. */
  readonly nodes: readonly string[];
  readonly shares: readonly RemoteShare[];
}

/** What the other nodes want. */
export interface RemoteInterest {
  /** Grows with every change that can touch a topic with these keys; a route found at the same stamp still holds. */
  stamp(realm: string, keys: StampKeys): number;
  match(realm: string, topic: string): RemoteRoute;
  /** By its key, `$share/{group}/{filter}`; null: no other node has members of it. */
  share(realm: string, key: string): RemoteShare | null;
  /** Filters of one node, or of all. */
  filters(nodeId?: string): number;
}

/** A member of a group: the group's names are unique within it. */
export interface GroupMember {
  readonly id: string;
  readonly nodeId: string;
  /** JSON values only. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface GroupChange {
  readonly kind: 'joined' | 'left';
  readonly member: GroupMember;
}

/** Named sets of members over the whole cluster. `gateway/worker-registry.ts` says what its users expect, and its conformance suite shows it. */
export interface Groups {
  join(group: string, member: GroupMember): Promise<void>;
  leave(group: string, id: string): Promise<void>;
  members(group: string): readonly GroupMember[];
  /** Those of an id: at most one per node. */
  find(group: string, id: string): readonly GroupMember[];
  watch(group: string, listener: (change: GroupChange) => void): () => void;
}
