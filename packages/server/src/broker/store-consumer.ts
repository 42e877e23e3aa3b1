import { type CloseReason, Reason, type RecentTopic } from '@plexus/protocol';
import type { StoredEvent } from '../store/event.ts';
import type { Consumer, ConsumerEnd, ConsumerSink, NackAction } from '../store/subscription.ts';
import type { DeliveryTerms } from './session-store.ts';

/** Reasons in a PUBACK that say that the same event would be refused again. Any other of 0x80 and more asks for it once more. */
const PARKS: ReadonlySet<number> = new Set([
  Reason.ImplementationSpecificError,
  Reason.NotAuthorized,
  Reason.TopicNameInvalid,
  Reason.PayloadFormatInvalid,
]);
/** Longest reason that is kept with a parked event, in UTF-16 code units. */
const MAX_REASON_LENGTH = 500;

/** MQTT has no way to end a subscription from this side but to close the connection. */
const CLOSES: Readonly<Record<Exclude<ConsumerEnd, 'closed'>, CloseReason>> = {
  ack_timeout: 'consumer_timeout',
  deleted: 'subscription_ended',
  reset: 'subscription_ended',
  stopped: 'subscription_ended',
  overflow: 'consumer_overflow',
  failed: 'subscription_failed',
  shutting_down: 'server_shutting_down',
};

/** What a consumer needs of the connection that it delivers on. */
export interface ConsumerOwner {
  /** Takes an event that was asked for. */
  take(consumer: StoreConsumer, event: StoredEvent, attempt: number): void;
  /** The store let the consumer go. */
  ended(reason: CloseReason, detail: string): void;
}

/**
 * One client's part in one persistent subscription of a store. It asks the store for as many events as it may have unanswered, so
 * the store keeps the rest.
 */
export class StoreConsumer implements ConsumerSink {
  /** The filter as subscribed: what its events are published on. */
  readonly topic: RecentTopic;
  terms: DeliveryTerms;
  closed = false;
  readonly #owner: ConsumerOwner;
  /** Whether it is in the group; an error: it could not join. null: at once. */
  joining: Promise<void> | null = null;
  /** Most events asked for and not answered. */
  #window: number;
  #asked = 0;
  /** Delivered, and not answered by the client. */
  #held = 0;
  /** null until attached. */
  #consumer: Consumer | null = null;

  /** @param window most that the connection takes; that of the subscription may be smaller */
  constructor(owner: ConsumerOwner, topic: RecentTopic, window: number, terms: DeliveryTerms) {
    this.#owner = owner;
    this.topic = topic;
    this.#window = window;
    this.terms = terms;
  }

  attached(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#window = Math.min(this.#window, consumer.window);
    // The connection has left the group, or is gone, before it was in it.
    if (this.closed) consumer.close();
  }

  deliver(event: StoredEvent, attempt: number): void {
    this.#asked--;
    this.#held++;
    this.#owner.take(this, event, attempt);
  }

  end(reason: ConsumerEnd, error: Error | null): void {
    if (this.closed || reason === 'closed') return;
    this.closed = true;
    this.#owner.ended(CLOSES[reason], `${this.topic.name}: ${error?.message ?? reason}`);
  }

  /**
   * Asks for as many as it may have.
   * @param share most that may be asked for and not answered, besides its own window
   * @param free most that are asked for now
   * @returns whether it has asked for all that its share allows
   */
  ask(share: number, free: number): boolean {
    const wanted = this.closed ? 0 : Math.min(this.#window, share) - this.#asked - this.#held;
    const count = Math.min(wanted, free);
    if (count > 0) {
      this.#asked += count;
      this.#consumer?.request(count);
    }
    return count >= wanted;
  }

  /** The client has answered. @param reason of the PUBACK @param text its reason string */
  answer(position: number, reason: number, text: string | null): void {
    if (reason < Reason.UnspecifiedError) {
      this.#held--;
      if (!this.closed) this.#consumer?.ack(position);
    } else {
      const words = text ?? `refused with reason code 0x${reason.toString(16)}`;
      this.refuse(position, PARKS.has(reason) ? 'park' : 'retry', words);
    }
  }

  refuse(position: number, action: NackAction, reason: string): void {
    this.#held--;
    if (!this.closed) this.#consumer?.nack(position, action, reason.slice(0, MAX_REASON_LENGTH).toWellFormed());
  }

  /** What it has in hand goes to others. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#consumer?.close();
  }
}
