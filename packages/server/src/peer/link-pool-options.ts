import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { Turn } from '../lib/turn.ts';
import type { PeerNetwork } from './channel.ts';
import type { InboundLimits } from './inbound-introductions.ts';
import { LINK_DEFAULTS, type LinkOptions } from './peer-link.ts';
import type { RelayedLinksOptions } from './relayed-links.ts';

export interface LinkPoolOptions extends InboundLimits {
  /** Links that nobody has pinned; beyond it the one not used for longest is evicted. At least 1. */
  readonly maxLinks: number;
  readonly dialTimeoutMs: number;
  readonly introductionTimeoutMs: number;
  /** Peers that are dialled at once, not counting those that are kept. */
  readonly maxDials: number;
  /** Bytes of control frames that wait for links; a quarter of it for one peer. */
  readonly maxWaitingBytes: number;
  readonly link: LinkOptions;
  readonly relayed: RelayedLinksOptions;
}

export const LINK_POOL_DEFAULTS: LinkPoolOptions = {
  maxLinks: 1000,
  dialTimeoutMs: 5000,
  introductionTimeoutMs: 5000,
  maxDials: 1000,
  maxWaitingBytes: 4 * 1024 * 1024,
  maxIntroductions: 256,
  introductionsPerS: 200,
  introductionBurst: 500,
  link: LINK_DEFAULTS,
  relayed: { directFirstMs: 10_000, directMostMs: 600_000 },
};

export interface LinkPoolSetup {
  readonly network: PeerNetwork;
  /** Of this start of the node. */
  readonly incarnation: number;
  readonly clock: Clock;
  readonly turn: Turn;
  /** In [0, 1): for delays. */
  readonly random: () => number;
  /** Default: the system's generator. */
  readonly entropy?: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Multiaddrs under which others are told to reach this node. Default: those on which the network listens. */
  readonly addresses?: () => readonly string[];
  /** Of the wire format. Default: `VERSION`; lower to be like a node of before. */
  readonly newestVersion?: number;
  readonly options: LinkPoolOptions;
}
