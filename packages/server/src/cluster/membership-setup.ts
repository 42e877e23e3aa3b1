import type { Clock } from '../lib/clock.ts';
import type { RateLimitedLog } from '../lib/log.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { LinkCloseReason } from '../peer/link-ports.ts';
import type { Kept } from './member.ts';

/** This node, as the others get to know it. */
export interface Self {
  readonly nodeId: string;
  readonly incarnation: number;
  /** Multiaddrs under which it can be reached. */
  addresses(): readonly string[];
}

/** What membership needs of the link pool. */
export interface MembershipPool {
  /** Dials until there is a link, and again whenever there is none; its link is never evicted. */
  keep(purpose: 'cluster', target: PeerTarget): Kept;
  /** Closes the link to a peer for good: `onClosed` is called for it. */
  remove(purpose: 'cluster', peerId: string, reason: LinkCloseReason): void;
}

export interface MembershipOptions {
  /** A member whose channel is lost is down after so long. */
  readonly deadMs: number;
  /** The same, when its channel was silent for so long that it was given up: another may still be possible. */
  readonly silentGraceMs: number;
  /** How often one member, picked at random, is told of all the others. */
  readonly gossipMs: number;
  /** Members that are up, joining or down; beyond it no more are taken on, after those that are down have been forgotten. */
  readonly maxMembers: number;
  /** A member that is down is looked for so long. */
  readonly forgetMs: number;
}

export const MEMBERSHIP_DEFAULTS: MembershipOptions = {
  deadMs: 3000,
  silentGraceMs: 500,
  gossipMs: 10_000,
  maxMembers: 1000,
  forgetMs: 60 * 60 * 1000,
};

export interface MembershipSetup {
  readonly self: Self;
  readonly pool: MembershipPool;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: RateLimitedLog;
  readonly options: MembershipOptions;
}
