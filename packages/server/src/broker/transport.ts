import type { CloseReason } from '@plexus/protocol';

/**
 * A two-way byte stream to one client, whatever carries it. The connection owns one and is told of what happens
 * through `TransportHandler`; neither side ever waits on the other.
 */
export interface Transport {
  /** Address of the other end, as text, without the port. */
  readonly remoteAddress: string;
  /**
   * Hands over the first `count` of `slices`, which must stay unchanged until `onWritten`. At most one write is
   * under way: the next may follow once `onWritten` was called.
   */
  write(slices: readonly Uint8Array[], count: number): void;
  /** Stops and restarts reading. */
  pause(): void;
  resume(): void;
  /** Sends what was handed over, then closes; destroys after `graceMs` if that does not come to an end. */
  end(graceMs: number): void;
  /** Closes at once. */
  destroy(): void;
}

export interface TransportHandler {
  /** The chunk is the handler's from here on: nobody writes to it again. */
  onData(chunk: Uint8Array): void;
  /** All of the last `write` was taken by the system. */
  onWritten(): void;
  /** The transport is gone, for whatever reason; called exactly once, nothing follows. */
  onClosed(error: Error | null): void;
}

/** Where connections come from. Every listener passes the same conformance suite. */
export interface Listener {
  /** Shown in client listings: `tcp`, `tls`, `ws`, `wss`. */
  readonly name: string;
  /** Binds. @returns the port, useful when 0 was asked for */
  start(): Promise<number>;
  /** Accepts no more; connections go on. */
  stopAccepting(): Promise<void>;
}

/** What a listener does with a new transport: null refuses it (the listener destroys it). */
export type AcceptConnection = (transport: Transport, listener: string) => TransportHandler | null;

/** What listeners ask and tell before there is a transport. */
export interface Doorkeeper {
  /** Whether one more connection from this address may come now. Asked before anything is spent on it; counts it. */
  admits(remoteAddress: string): boolean;
  /** A connection came to nothing before it was one. */
  refused(reason: CloseReason, remoteAddress: string, detail: string): void;
}

/** A transport ended by a fault of the other end that has a name of its own. */
export class TransportFault extends Error {
  readonly reason: CloseReason;

  constructor(reason: CloseReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransportFault';
    this.reason = reason;
  }
}
