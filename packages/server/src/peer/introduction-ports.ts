import type { Clock } from '../lib/clock.ts';
import type { PeerChannel } from './channel.ts';
import type { Gatekeeper, LinkCloseReason, LinkPurpose, PeerFacts } from './link-ports.ts';

/** What a node is in introductions. One per node. */
export interface Introducer {
  /** Of this node. */
  readonly peerId: string;
  readonly incarnation: number;
  /** Multiaddrs under which it can be reached. */
  addresses(): readonly string[];
  readonly clock: Clock;
  /** @returns 32 random bytes */
  nonce(): Uint8Array;
  /** @returns a random number of 48 bits, not 0 */
  newSession(): number;
  /** null: no links of this purpose here */
  gatekeeper(purpose: string): Gatekeeper | null;
  /** What is left of a link with this start of a peer; asked when Ready is sent or comes. */
  known(
    purpose: LinkPurpose,
    peerId: string,
    incarnation: number,
  ): { readonly session: number; readonly lastReceived: number } | null;
  readonly timeoutMs: number;
  /** Largest frame that this node takes on a link. */
  readonly maxFrameBytes: number;
  /** Default `VERSION`; lower to be like a node of before. */
  readonly newestVersion?: number;
}

/** A channel with a link to go with it. Its handler is to be set in the same turn: `PeerLink.open` and `attach` do. */
export interface Introduced {
  readonly channel: PeerChannel;
  readonly role: 'initiator' | 'responder';
  readonly purpose: LinkPurpose;
  readonly peer: PeerFacts;
  /** Largest frame that the peer takes. */
  readonly peerMaxFrameBytes: number;
  readonly session: number;
  /** false: a new link on both ends */
  readonly resumed: boolean;
  /** Number of the last data frame the peer has of us; 0: none */
  readonly peerReceived: number;
  /** Bytes that came behind Ready; they are the link's. */
  readonly rest: Uint8Array | null;
}

export interface IntroductionRefused {
  readonly refused: LinkCloseReason;
  readonly detail: string;
  /** The other end said so. */
  readonly byPeer: boolean;
  readonly peerId: string;
}

export type IntroductionResult = { readonly introduced: Introduced } | IntroductionRefused;
