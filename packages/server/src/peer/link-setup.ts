import type { Clock } from '../lib/clock.ts';
import type { Turn } from '../lib/turn.ts';
import type { Introduced } from './introduction.ts';
import type { LinkCloseReason, LinkEvents, LinkPurpose } from './link-ports.ts';
import type { PeerLink } from './peer-link.ts';

export interface LinkOptions {
  /** Bytes of data frames that a peer may have sent us and that are not dealt with. */
  readonly windowBytes: number;
  /** Largest frame that is taken. */
  readonly maxFrameBytes: number;
  /** Bytes of data that wait, past which QoS 0 is dropped. */
  readonly maxQueuedBytes: number;
  /** Bytes of held frames, past which `isFull`. */
  readonly maxHeldBytes: number;
  readonly heartbeatMs: number;
  /** When nothing has come for so long, the channel is dead. */
  readonly silentMs: number;
}

export const LINK_DEFAULTS: LinkOptions = {
  windowBytes: 8 * 1024 * 1024,
  maxFrameBytes: 4 * 1024 * 1024,
  maxQueuedBytes: 16 * 1024 * 1024,
  maxHeldBytes: 64 * 1024 * 1024,
  heartbeatMs: 1000,
  silentMs: 3000,
};

/** Who keeps links: hears of their ends after `LinkEvents` has. */
export interface LinkOwner {
  linkLost(link: PeerLink, reason: LinkCloseReason): void;
  linkClosed(link: PeerLink, reason: LinkCloseReason): void;
}

export interface PeerLinkSetup {
  readonly purpose: LinkPurpose;
  readonly introduced: Introduced;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly events: LinkEvents;
  readonly options: LinkOptions;
  readonly owner: LinkOwner | null;
}
