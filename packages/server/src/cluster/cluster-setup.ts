import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { Turn } from '../lib/turn.ts';
import type { Gatekeeper, LinkEvents } from '../peer/link-ports.ts';
import type { Resolver } from '../peer/resolver.ts';
import type { LanDiscovery } from './lan-peers.ts';
import { MEMBERSHIP_DEFAULTS, type MembershipOptions, type MembershipPool, type Self } from './membership-setup.ts';
import { SEEDS_DEFAULTS, type SeedsOptions } from './seeds.ts';

/** What the cluster needs of the link pool. */
export interface ClusterPool extends MembershipPool {
  /** Links of a purpose are taken and made from here on. */
  open(purpose: 'cluster', gatekeeper: Gatekeeper, events: LinkEvents): void;
}

/** Who gets the frames of cluster links that are not the cluster's own, and hears of the links, after the cluster has. */
export type ClusterFrames = Pick<LinkEvents, 'onUp' | 'onControl' | 'onData' | 'onLost' | 'onResumed' | 'onClosed'>;

export interface ClusterOptions extends MembershipOptions, SeedsOptions {
  /** How long a node that leaves waits for what the others still have to answer. */
  readonly flushMs: number;
}

export const CLUSTER_DEFAULTS: ClusterOptions = { ...MEMBERSHIP_DEFAULTS, ...SEEDS_DEFAULTS, flushMs: 5000 };

export interface ClusterSetup {
  readonly name: string;
  /** One or two; `secretsProblem` has seen them. */
  readonly secrets: readonly string[];
  readonly self: Self;
  readonly pool: ClusterPool;
  /** Addresses to join at: multiaddrs, `host:port`, names. */
  readonly join: readonly string[];
  readonly resolver: Resolver;
  /** null: nobody is looked for on the local network */
  readonly discovery: LanDiscovery | null;
  readonly clock: Clock;
  readonly turn: Turn;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly options: ClusterOptions;
}

export interface ClusterStatus {
  readonly name: string;
  readonly incarnation: number;
  /** Addresses to join at behind which there is nobody yet. */
  readonly sought: readonly string[];
  /** Peers that this node has turned away, or that have turned it away, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** How often two nodes were seen with one identity. */
  readonly sameIdentity: number;
  /** How often a copy of a table had to be made anew. */
  readonly resyncs: number;
}

/** Without anybody to take data frames, they count as dealt with. */
export const NOBODY: ClusterFrames = {
  onUp() {},
  onControl() {},
  onData(link, number) {
    link.done(number, 0);
    return true;
  },
  onLost() {},
  onResumed() {},
  onClosed() {},
};
