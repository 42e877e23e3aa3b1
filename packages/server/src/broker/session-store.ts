import type { SubscribeRequest } from '@plexus/protocol';
import type { AckSlots } from './ack-slots.ts';
import type { Message } from './message.ts';

/** Where a message for a client stands. */
export const DeliveryState = {
  /** In the queue, without a packet id. */
  Queued: 0,
  /** Sent at QoS 1. */
  AwaitPuback: 1,
  /** Sent at QoS 2. */
  AwaitPubrec: 2,
  /** PUBREC came: PUBREL is sent, the message itself is no longer needed. */
  AwaitPubcomp: 3,
} as const;
export type DeliveryState = (typeof DeliveryState)[keyof typeof DeliveryState];

/** How one session gets a message. */
export interface DeliveryTerms {
  readonly qos: 1 | 2;
  /** The RETAIN flag it goes out with. */
  readonly retain: boolean;
  /** Subscription identifiers as MQTT 5 properties; null for none. */
  readonly identifiers: Uint8Array | null;
  /** The shared subscription it comes from, as `$share/{group}/{filter}`; null for none. */
  readonly share: string | null;
}

/** One message on its way to one client at QoS 1 or 2. */
export class Delivery {
  /** null once PUBREC came. */
  message: Message | null;
  readonly terms: DeliveryTerms;
  /** Place in the session's order of sending. */
  readonly sequence: number;
  /** 0 while queued. */
  packetId = 0;
  state: DeliveryState = DeliveryState.Queued;

  constructor(message: Message, terms: DeliveryTerms, sequence: number) {
    this.message = message;
    this.terms = terms;
    this.sequence = sequence;
  }
}

/**
 * The acknowledgement that a durable store must hold back until it has committed: it calls `slots.oblige(slot)`
 * before it returns and `slots.meet(slot)` after the commit. A store in memory does neither.
 */
export interface CommitTarget {
  readonly slots: AckSlots;
  readonly slot: number;
  /**
   * What the message goes to does not keep up: its publisher is to wait until `room` has some. A publisher that cannot wait has
   * no such method.
   */
  holdBack?(room: { whenRoom(call: () => void): void }): void;
}

/** What MQTT keeps for one client id: MQTT 5.0 §4.1, MQTT 3.1.1 §3.1.2.4. */
export interface SessionState {
  readonly realm: string;
  readonly clientId: string;
  /** Wall clock, milliseconds. */
  readonly createdAtMs: number;
  /** Seconds that it outlives its connection. 0: ends with it. */
  readonly expiryS: number;
  setExpiry(seconds: number): void;
  /** Wall clock, milliseconds, at which it ends; null while it has a connection. */
  readonly expiresAtMs: number | null;
  setExpiresAt(wallMs: number | null): void;

  readonly subscriptions: ReadonlyMap<string, SubscribeRequest>;
  /** @returns whether the filter is new; an existing subscription is replaced */
  subscribe(request: SubscribeRequest): boolean;
  /** @returns whether there was one */
  unsubscribe(filter: string): boolean;

  /** Messages that wait for a place in the window, and the sum of their `costBytes`. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** `costBytes` of the queue and the window together. */
  readonly heldBytes: number;
  /** Messages sent and not yet acknowledged to the end. */
  readonly inFlight: number;
  /** Appends to the queue. The caller has checked the bounds. */
  enqueue(message: Message, terms: DeliveryTerms, commit: CommitTarget | null): void;
  /**
   * Takes out what another member of its shared subscription may get: what is queued, and at QoS 1 also what is in flight.
   * QoS 2 in flight stays with its session [MQTT-4.8.2-5].
   * @param movable whether there is such a member
   * @returns them in the order of sending
   */
  takeShared(movable: (share: string) => boolean): { message: Message; terms: DeliveryTerms }[];
  /** The oldest of the queue, which stays there; null when it is empty. */
  peek(): Delivery | null;
  /** Moves the oldest of the queue into the window, with a packet id that is free. */
  send(): Delivery;
  /** Takes the oldest or newest out of the queue. */
  drop(which: 'oldest' | 'newest'): Delivery | null;
  /** Takes messages whose expiry has passed out of the queue. @returns how many */
  dropExpired(wallMs: number): number;
  /** Moves messages in flight out of buffers larger than they are. */
  compact(): void;
  /** Messages that the client does not have yet, queued or in flight. */
  readonly undelivered: number;
  /** What is in flight under a packet id. */
  find(packetId: number): Delivery | null;
  /** PUBREC came: only the packet id is kept until PUBCOMP; the message's bytes are no longer held. */
  release(delivery: Delivery): void;
  /** PUBACK or PUBCOMP came, or a PUBREC with an error: the packet id is free again. */
  complete(delivery: Delivery): void;
  /**
   * Gives a packet id that is free to something sent at QoS 1 that the session does not keep: it is found and counted as in flight until
   * `complete`, by a connection that completes it before it goes. Its `message` must be null after sending.
   */
  lend(delivery: Delivery): void;
  /** All in flight, in the order of sending, for the retry on reconnect [MQTT-4.4.0-1]. */
  unacknowledged(): Delivery[];

  /** Notes a QoS 2 packet id from the client. @returns false if it was noted before: a duplicate [MQTT-4.3.3-10] */
  receive(packetId: number, commit: CommitTarget | null): boolean;
  /** PUBREL came. @returns whether the packet id was noted */
  forget(packetId: number, commit: CommitTarget | null): boolean;
  /** Packet ids noted. */
  readonly received: number;
}

/** The sessions of a node. Every implementation passes `session-store.conformance.ts`. */
export interface SessionStore {
  readonly size: number;
  get(realm: string, clientId: string): SessionState | null;
  /** A new, empty session; one of the same client id must have been removed before. */
  create(realm: string, clientId: string, expiryS: number): SessionState;
  /** Forgets it, and all that it holds. */
  remove(session: SessionState): void;
  /** All sessions in order of creation: what a node starts with. */
  list(): Iterable<SessionState>;
}
