import type { PublishView, ServerDecoder } from '@plexus/protocol';
import type { BrokerContext } from './context.ts';
import type { WaitingPublisher } from './flow-control.ts';
import { ParkedPackets } from './parked-packets.ts';
import type { Room } from './publisher.ts';

/** The connection whose PUBLISH packets wait. */
export interface GatedConnection extends WaitingPublisher {
  readonly decoder: ServerDecoder;
  /** Nothing it says counts any more. */
  readonly closed: boolean;
  pauseReading(): void;
  resumeReading(): void;
}

/**
 * PUBLISH packets of one connection that wait: for the node to have room, or for what they go to. Made when the first has to. Past a
 * small buffer, the connection is not read further.
 */
export class PublishGate {
  readonly #context: BrokerContext;
  readonly #connection: GatedConnection;
  readonly #parked = new ParkedPackets();
  /** What it publishes to has no room: it waits for that alone. */
  #heldBack = false;

  constructor(context: BrokerContext, connection: GatedConnection) {
    this.#context = context;
    this.#connection = connection;
  }

  /** Whether the next packet has to wait, whatever the node has room for. */
  get closed(): boolean {
    return this.#heldBack || !this.#parked.empty;
  }

  get hasParked(): boolean {
    return !this.#parked.empty;
  }

  holdBack(room: Room): void {
    if (this.#heldBack) return;
    this.#heldBack = true;
    room.whenRoom(() => {
      this.#heldBack = false;
      if (!this.#connection.closed) this.#connection.resumePublishing();
    });
  }

  park(view: PublishView): void {
    const { flow, options } = this.#context;
    this.#parked.add(view);
    if (flow.closed) flow.wait(this.#connection);
    if (this.#parked.bytes > options.publisherBufferBytes) this.#connection.pauseReading();
  }

  /** Handles what waits until it has to wait again. @param flush called when some of it is through */
  replay(flush: () => void): void {
    this.#parked.replay(this.#connection.decoder, () => {
      flush();
      return !this.#connection.closed;
    });
    if (this.#parked.empty) this.#connection.resumeReading();
  }

  forget(): void {
    this.#context.flow.forget(this.#connection);
    const lost = this.#parked.forget();
    if (lost > 0) this.#context.counters.drop('publisher_gone', lost);
  }
}
