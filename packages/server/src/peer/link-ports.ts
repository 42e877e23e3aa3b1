import type { ChannelTransport, DialCode, PeerTarget } from './channel.ts';

/** What a link is for; part of its identity: there is at most one link per peer and purpose. */
export type LinkPurpose = 'cluster' | 'store' | 'mesh';

/** Where a held frame's answer goes: `AckSlots` is one. */
export interface Obligations {
  /** @param reason of MQTT 5, 0 for success */
  meet(slot: number, reason?: number): void;
}

/** What the first frame of a peer says of it. */
export interface PeerFacts {
  readonly peerId: string;
  /** Milliseconds since 1970 at its start, raised where needed: grows with every start of the same identity. */
  readonly incarnation: number;
  /** The version both speak. */
  readonly version: number;
  /** Bits that both have. */
  readonly features: number;
  /** Multiaddrs under which it says it listens. */
  readonly addresses: readonly string[];
  /** What its gatekeeper had to say: of a cluster, its name. */
  readonly greeting: Uint8Array;
}

/** A frame at QoS 1 or 2 that the peer has not answered. */
export interface HeldFrame {
  readonly type: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly obligations: Obligations;
  readonly slot: number;
  /** Set in `LinkEvents.onClosed` by whoever sees to it that the slot is met. */
  taken: boolean;
}

export type LinkState = 'up' | 'lost' | 'closed';

/**
 * A framed, flow-controlled, acknowledged way to one start of one peer. It outlives its channels: when one is lost, the next one of
 * the same two starts goes on where it ended. Frames are `type`, then bytes; types are in `frame-types.ts`.
 */
export interface Link {
  readonly purpose: LinkPurpose;
  readonly peer: PeerFacts;
  readonly state: LinkState;
  /** Bytes of data frames that wait for credit or for the channel. */
  readonly queuedBytes: number;
  /** Bytes of frames sent and not answered, and of those that wait to be sent. */
  readonly heldBytes: number;
  /** Whether publishers at QoS 1 and 2 have to wait: `heldBytes` is past its bound, and not yet below half of it. */
  readonly isFull: boolean;
  /** Calls once, when `isFull` is no more or the link is closed; at once, if it is so already. */
  whenRoom(call: () => void): void;

  /** Always passes; not numbered, not resent: after a loss, whoever needs it says it again. Dropped unless `up`. `body` is copied. */
  control(type: number, body: Uint8Array): void;
  /**
   * A data frame at QoS 0: `head`, then `buffer[start, end)`. Copied at once, or not at all.
   * @param messages how many are in it, for the count of those dropped
   * @returns whether it was taken; else the peer does not keep up, and it was dropped and counted
   */
  loose(type: number, head: Uint8Array, buffer: Uint8Array, start: number, end: number, messages: number): boolean;
  /**
   * A data frame at QoS 1 or 2: `head`, then `body`. Both are kept as they are until it is answered, and may be shared between links.
   * `slot` is met exactly once: with the peer's reason, or with 0 when the link is closed, unless `onClosed` takes it.
   */
  held(type: number, head: Uint8Array, body: Uint8Array, obligations: Obligations, slot: number): void;
  /** The frame with this number was dealt with; each is told once, in any order. Gives back its credit and, at QoS 1 and 2, answers it. */
  done(number: number, reason: number): void;
  /** `onData` has said *not now*, and may be asked again. */
  resumeData(): void;
  /** Ends it for good, and tells the peer why. Idempotent. */
  close(reason: LinkCloseReason, detail?: string): void;
  /** For `plexus peers` and metrics. */
  info(): LinkInfo;
}

/** Who hears what comes over the links of one purpose. Nothing here may throw. */
export interface LinkEvents {
  /** It can be used. Called before any frame of it. */
  onUp(link: Link): void;
  /** A view, valid during the call. */
  onControl(link: Link, type: number, buffer: Uint8Array, start: number, end: number): void;
  /**
   * A data frame; the view may be kept. `held`: it came at QoS 1 or 2.
   * @returns false: not now; it comes again after `resumeData`, and everything after it waits
   */
  onData(
    link: Link,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean;
  /** Its channel is gone; another may come. */
  onLost(link: Link, reason: LinkCloseReason): void;
  /** Another channel has come: it goes on. */
  onResumed(link: Link): void;
  /** It will not be used again. `unanswered`: what was held, oldest first; the slots of those that are not `taken` are met after the call. */
  onClosed(link: Link, reason: LinkCloseReason, unanswered: readonly HeldFrame[]): void;
  /** Nobody could be reached for a peer that is kept; the next try comes by itself. */
  onUnreachable(target: PeerTarget, code: DialCode): void;
  /** A channel was turned away before it became a link, by us or by the other end. */
  onRefused(peerId: string, reason: LinkCloseReason, detail: string): void;
}

/** Admits peers to the links of one purpose. Both ends prove themselves; the initiator first. */
export interface Gatekeeper {
  /** Goes with our first frame. */
  greeting(): Uint8Array;
  /** Whether a peer with this greeting is worth a proof. null: yes */
  welcomes(facts: PeerFacts): LinkCloseReason | null;
  prove(context: ProofContext): Uint8Array;
  /** @returns null: it is admitted */
  check(context: ProofContext, proof: Uint8Array): LinkCloseReason | null;
}

/** What a proof is bound to. */
export interface ProofContext {
  /** Of whoever proves. */
  readonly role: 'initiator' | 'responder';
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
  readonly initiatorPeerId: string;
  readonly responderPeerId: string;
  readonly version: number;
}

/** Why a link, or the channel of one, ended. The text travels. */
export const LINK_CLOSE_REASONS = [
  /** The node stops, and has said so. */
  'leaving',
  /** Nothing has come for too long. */
  'silent',
  /** The channel broke. */
  'channel_lost',
  /** The peer was started anew. */
  'restarted',
  /** The other end no longer knows this link. */
  'forgotten',
  /** Declared down. */
  'down',
  /** The channel is not needed: another is in use, or nobody waits for the link any more. */
  'duplicate',
  /** Not used for long, and its place was needed. */
  'evicted',
  'removed',
  /** Bytes that are no frame, or a frame that may not come here. */
  'bad_frame',
  'frame_too_large',
  /** Data frames with numbers missing. */
  'sequence_gap',
  /** More data than there was credit for. */
  'credit_exceeded',
  /** No version in common. */
  'version_mismatch',
  'introduction_timeout',
  /** Another cluster, or none. */
  'wrong_cluster',
  'wrong_secret',
  /** No realm of the mesh in which both have a token. */
  'no_common_realm',
  /** A realm of the mesh that was not proven; on a link: no token of any realm that holds on both ends. */
  'not_admitted',
  /** Another node runs with our identity, or a peer with an identity that is already here. */
  'same_identity',
  'refused_rate',
  'not_accepted',
  'internal_error',
] as const;
export type LinkCloseReason = (typeof LINK_CLOSE_REASONS)[number];

export interface LinkInfo {
  readonly peerId: string;
  readonly purpose: LinkPurpose;
  readonly state: LinkState;
  readonly direction: 'outbound' | 'inbound';
  readonly transport: ChannelTransport;
  /** Multiaddr of the other end of the channel. */
  readonly address: string;
  readonly incarnation: number;
  readonly version: number;
  readonly ageMs: number;
  readonly idleMs: number;
  /** Smoothed round trip of heartbeats; null: none yet. */
  readonly roundTripMs: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly queuedBytes: number;
  readonly heldBytes: number;
  /** Messages at QoS 0 that were dropped because the peer did not keep up. */
  readonly dropped: number;
  readonly resent: number;
  readonly duplicates: number;
  /** How often a channel was lost. */
  readonly losses: number;
  readonly pinned: boolean;
}
