import type { CloseReason } from '@plexus/protocol';
import { Fifo } from '../lib/fifo.ts';
import type { TurnTask } from '../lib/turn.ts';
import type { StoredEvent } from '../store/event.ts';
import type { Consumer } from '../store/subscription.ts';
import type { BrokerContext } from './context.ts';
import { EventDelivery } from './event-delivery.ts';
import type { WaitingPublisher } from './flow-control.ts';
import type { Message } from './message.ts';
import type { Session } from './session.ts';
import { type ConsumerOwner, StoreConsumer } from './store-consumer.ts';

/** What the consumers of a connection need of it. */
export interface ConsumerLink {
  /** Most that may be under way at QoS 1 and 2, messages of the session and events together [MQTT-3.3.4-9]. */
  readonly limit: number;
  /** Whether more may be written now; it calls `pump` when there is room again. */
  readonly hasRoom: boolean;
  accepts(message: Message, identifiers: Uint8Array | null): boolean;
  sendEvent(delivery: EventDelivery): void;
  close(reason: CloseReason, detail: string): void;
}

/** A persistent subscription, by the filter that stands for it. */
export interface StoreSubscriptionName {
  readonly filter: string;
  readonly store: string;
  readonly name: string;
}

interface Waiting {
  readonly consumer: StoreConsumer;
  readonly event: StoredEvent;
  readonly attempt: number;
}

/**
 * The store subscriptions that one connection consumes. Events are asked for when there is room for them, and share the
 * packet ids and the window of the session, each consumer a part of it; they never enter its queue. An event that comes when
 * the session has taken the last place waits; of the places that become free then, the session and the events get one in turn.
 */
export class StoreConsumers implements ConsumerOwner, TurnTask, WaitingPublisher {
  readonly #context: BrokerContext;
  readonly #session: Session;
  readonly #version: 4 | 5;
  readonly #link: ConsumerLink;
  readonly #byFilter = new Map<string, StoreConsumer>();
  /** Delivered by the store and not yet sent: never more than was asked for. */
  readonly #waiting = new Fifo<Waiting>();
  /** Consumers that may have room for more. */
  readonly #hungry = new Set<StoreConsumer>();
  /** Sent and not acknowledged. */
  #inFlight = 0;
  /** Whose turn it is when both want the next place. */
  #sessionFirst = false;
  #pumping = false;
  #scheduled = false;
  #closed = false;
  /** Why the connection has to close; null while it has not. */
  #end: { reason: CloseReason; detail: string } | null = null;

  constructor(context: BrokerContext, session: Session, version: 4 | 5, link: ConsumerLink) {
    this.#context = context;
    this.#session = session;
    this.#version = version;
    this.#link = link;
  }

  get size(): number {
    return this.#byFilter.size;
  }

  /** Places in the window that the session may not have. */
  get places(): number {
    return this.#inFlight + (this.#waiting.length > 0 && !this.#sessionFirst ? 1 : 0);
  }

  has(filter: string): boolean {
    return this.#byFilter.has(filter);
  }

  /**
   * Joins the consumer group. A filter that is attached already stays so, and only gets the new identifiers. Events come from the
   * end of the turn on.
   * @param identifiers the subscription identifier as an MQTT 5 property; null for none
   * @returns null: it has joined; else when it has, as the store is on another node
   * @throws {PlexusError} store_not_found, store_unavailable, subscription_not_found, quota_exceeded; also later
   */
  attach({ filter, store, name }: StoreSubscriptionName, identifiers: Uint8Array | null): Promise<void> | null {
    const terms = { qos: 1, retain: false, identifiers, share: null } as const;
    const known = this.#byFilter.get(filter);
    if (known !== undefined) {
      known.terms = terms;
      return known.joining;
    }
    const { realm, clientId } = this.#session;
    const { subscriptions } = this.#context.stores.get(store, realm.name);
    const window = this.#link.limit;
    const consumer = new StoreConsumer(this, realm.topic(filter), window, terms);
    const attached = subscriptions.attach(name, { name: clientId, window, pull: true }, consumer);
    this.#byFilter.set(filter, consumer);
    realm.storeSubscriptions++;
    if (attached instanceof Promise) {
      consumer.joining = attached.then(
        (there) => this.#joined(filter, consumer, there),
        (error: unknown) => {
          if (this.#byFilter.get(filter) === consumer) this.detach(filter);
          throw error;
        },
      );
    } else this.#joined(filter, consumer, attached);
    return consumer.joining;
  }

  #joined(filter: string, consumer: StoreConsumer, there: Consumer): void {
    consumer.joining = null;
    consumer.attached(there);
    if (this.#byFilter.get(filter) !== consumer) return;
    this.#hungry.add(consumer);
    this.#schedule();
  }

  /** Leaves the consumer group; the packet ids of what the client still has to acknowledge stay taken until it does. */
  detach(filter: string): boolean {
    const consumer = this.#byFilter.get(filter);
    if (consumer === undefined) return false;
    this.#byFilter.delete(filter);
    this.#hungry.delete(consumer);
    this.#session.realm.storeSubscriptions--;
    consumer.close();
    // The others have a larger share now.
    for (const other of this.#byFilter.values()) if (other.joining === null) this.#hungry.add(other);
    this.#schedule();
    return true;
  }

  take(consumer: StoreConsumer, event: StoredEvent, attempt: number): void {
    if (this.#closed) return;
    this.#waiting.push({ consumer, event, attempt });
    // Later: the store is in the middle of something.
    if (!this.#pumping) this.#schedule();
  }

  ended(reason: CloseReason, detail: string): void {
    this.#end ??= { reason, detail };
    this.#schedule();
  }

  /** The session has had its turn. */
  sessionSent(): void {
    this.#sessionFirst = false;
  }

  /** PUBACK came. */
  answered(delivery: EventDelivery, reason: number, reasonString: string | null): void {
    const { consumer, position } = delivery;
    this.#inFlight--;
    this.#session.state.complete(delivery);
    consumer.answer(position, reason, reasonString);
    this.#hungry.add(consumer);
    this.#schedule();
  }

  endOfTurn(): void {
    this.#scheduled = false;
    if (this.#end !== null && !this.#closed) this.#link.close(this.#end.reason, this.#end.detail);
    this.pump();
  }

  resumePublishing(): void {
    this.pump();
  }

  /** Sends what waits, and asks for more, as far as there is room. */
  pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    try {
      do this.#send();
      while (this.#ask());
    } finally {
      this.#pumping = false;
    }
  }

  /** Leaves all consumer groups: the connection is gone. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#context.flow.forget(this);
    for (const filter of [...this.#byFilter.keys()]) this.detach(filter);
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#context.turn.atEnd(this);
  }

  /** The node as a whole may have no room either: then events wait as publishers do. */
  get #hasRoom(): boolean {
    if (!this.#link.hasRoom) return false;
    if (!this.#context.flow.closed) return true;
    this.#context.flow.wait(this);
    return false;
  }

  #send(): void {
    const session = this.#session;
    while (this.#waiting.length > 0 && this.#hasRoom) {
      if (session.outstanding + this.#inFlight >= this.#link.limit) break;
      if (this.#sessionFirst && session.state.queuedMessages > 0) {
        session.pump();
        // Also where all that it had was too old or too large to be sent.
        this.#sessionFirst = false;
      } else this.#sendOne(this.#waiting.shift()!);
    }
    // None waits for a place any more, so the session may have had one all the time.
    if (session.state.queuedMessages > 0) session.pump();
  }

  #sendOne({ consumer, event, attempt }: Waiting): void {
    if (consumer.closed) return;
    const { terms, topic } = consumer;
    const message = this.#context.eventMessages.make(topic, event, 1, attempt, this.#version === 5);
    if (!this.#link.accepts(message, terms.identifiers)) {
      consumer.refuse(event.position, 'park', `larger than the maximum packet size of ${this.#session.clientId}`);
      this.#hungry.add(consumer);
      return;
    }
    const delivery = new EventDelivery(message, terms, consumer, event.position);
    this.#session.state.lend(delivery);
    this.#inFlight++;
    this.#sessionFirst = true;
    this.#link.sendEvent(delivery);
    delivery.message = null;
  }

  /** @returns whether something came that can be sent */
  #ask(): boolean {
    if (this.#waiting.length > 0 || this.#hungry.size === 0 || !this.#hasRoom) return false;
    const free = this.#free;
    if (free === 0) return false;
    // The time to acknowledge an event runs from its delivery, sent or not: all together get what fits the window. A
    // subscription that has nothing to deliver keeps what was asked of it, so each has a share, and no more.
    const share = Math.max(1, Math.floor(this.#link.limit / this.#byFilter.size));
    for (const consumer of this.#hungry) {
      if (consumer.ask(share, free)) this.#hungry.delete(consumer);
      if (this.#waiting.length > 0) return true;
    }
    return false;
  }

  /** Places of the window for which events may be asked, while none waits. */
  get #free(): number {
    const places = this.#link.limit - this.#inFlight;
    // Where the session has them all one event is asked for: it waits, so that it gets its turn.
    return places <= 0 ? 0 : Math.max(1, places - this.#session.outstanding);
  }
}
