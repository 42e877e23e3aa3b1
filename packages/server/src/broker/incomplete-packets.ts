/** A connection, as far as what it has of an incomplete packet goes. */
export interface IncompleteOwner {
  readonly decoder: {
    /** Bytes of memory that an incomplete packet takes; 0 when there is none. */
    readonly allocatedBytes: number;
    /** Grows with every packet that begins to be held. */
    readonly packetsHeld: number;
  };
  /** Closes it, which lets go of what it holds. */
  close(reason: 'incomplete_overflow'): void;
}

/** Mutable: one object per connection that has sent part of a packet. */
interface Held {
  bytes: number;
  packet: number;
}

/**
 * The node's account of packets that have come in part. Each is small next to what a receiver may be sent, but there can be one per
 * connection, and a client that sends one byte now and then keeps its keep-alive satisfied for ever. So all of them together have
 * a bound; past it, the connection whose packet is incomplete for longest is closed: an honest one is complete soon.
 */
export class IncompletePackets {
  bytes = 0;
  readonly #maxBytes: number;
  /** Oldest packet first. */
  readonly #held = new Map<IncompleteOwner, Held>();

  /** @param maxBytes of memory for all of them */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#held.size;
  }

  /** To be called when the decoder has taken bytes, and when it was stopped; not from within a packet, since it may close. */
  update(owner: IncompleteOwner): void {
    const { allocatedBytes, packetsHeld } = owner.decoder;
    const held = this.#held.get(owner);
    if (held === undefined && allocatedBytes === 0) return;
    this.bytes += allocatedBytes - (held?.bytes ?? 0);
    if (held !== undefined && held.packet === packetsHeld && allocatedBytes > 0) held.bytes = allocatedBytes;
    else {
      this.#held.delete(owner);
      if (allocatedBytes > 0) this.#held.set(owner, { bytes: allocatedBytes, packet: packetsHeld });
    }
    if (this.bytes > this.#maxBytes) this.#closeLongest();
  }

  #closeLongest(): void {
    for (const [owner, held] of this.#held) {
      if (this.bytes <= this.#maxBytes) return;
      this.#held.delete(owner);
      this.bytes -= held.bytes;
      owner.close('incomplete_overflow');
    }
  }
}
