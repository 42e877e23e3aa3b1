import type { Message } from './message.ts';
import { Delivery, type DeliveryTerms } from './session-store.ts';
import type { StoreConsumer } from './store-consumer.ts';

/** An event on its way to a client that consumes a store subscription. The store keeps it, not the session. */
export class EventDelivery extends Delivery {
  readonly consumer: StoreConsumer;
  /** Of the event, in its store. */
  readonly position: number;

  constructor(message: Message, terms: DeliveryTerms, consumer: StoreConsumer, position: number) {
    super(message, terms, 0);
    this.consumer = consumer;
    this.position = position;
  }
}
