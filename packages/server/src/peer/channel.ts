/** `relay`: over another node, whatever carries it there. */
export type ChannelTransport = 'tcp' | 'quic' | 'relay' | 'memory';

/**
 * An ordered, reliable stream of bytes to one peer whose identity is proven, whatever carries it: libp2p in a node, a virtual
 * network in the simulation. Every implementation passes `network.conformance.ts`.
 */
export interface PeerChannel {
  /** Of the other end, proven. */
  readonly peerId: string;
  readonly direction: 'outbound' | 'inbound';
  readonly transport: ChannelTransport;
  /** Multiaddr of the other end, as it is seen here; without the peer id. */
  readonly remoteAddress: string;
  /**
   * Sends; the bytes are the channel's from here on and are not changed by anybody.
   * @returns false: there is no more room; the bytes are taken all the same, and `onDrain` tells when to go on
   */
  write(bytes: Uint8Array): boolean;
  /** A limit of the relay that carries it is near: it will break. Absent: there is none. */
  readonly isEnding?: boolean;
  /** Written and not yet on its way. */
  readonly waitingBytes: number;
  /**
   * Who hears of what comes; set once, in the turn in which the channel was handed over. Never called from within a call of a method
   * here: what that causes comes later.
   */
  handler: PeerChannelHandler | null;
  /** Stops reading, and goes on. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes; destroys after `graceMs` if that does not come to an end. */
  end(graceMs: number): void;
  /** Closes at once. */
  destroy(): void;
}

export interface PeerChannelHandler {
  /** The chunk is the handler's from here on: nobody writes to it again. */
  onData(chunk: Uint8Array): void;
  onDrain(): void;
  /** The channel is gone, for whatever reason; called exactly once, nothing follows. */
  onClosed(error: Error | null): void;
}

/** Whom to dial. */
export interface PeerTarget {
  /** null: whoever answers there. */
  readonly peerId: string | null;
  /** Multiaddrs, tried in order; those over TCP first. */
  readonly addresses: readonly string[];
}

export const DIAL_CODES = ['peer_refused', 'peer_unreachable', 'peer_identity', 'peer_unsupported'] as const;
/** Why there is no channel. */
export type DialCode = (typeof DIAL_CODES)[number];

/** Where channels come from. */
export interface PeerNetwork {
  /** Of this node. */
  readonly peerId: string;
  /** Multiaddrs under which this node listens, without the peer id; none before `start`. */
  readonly addresses: readonly string[];
  /**
   * Opens a channel for one protocol: `/plexus/link/1`.
   * @throws {PlexusError} `peer_refused`: nothing listens there; `peer_unreachable`: no answer, or none of `addresses` can be
   * used; `peer_identity`: somebody else answers there; `peer_unsupported`: it does not speak the protocol
   */
  dial(target: PeerTarget, protocol: string, signal: AbortSignal): Promise<PeerChannel>;
  /** Takes the channels that others open for a protocol. One taker per protocol. @returns how to stop */
  accept(protocol: string, take: (channel: PeerChannel) => void): () => void;
}
