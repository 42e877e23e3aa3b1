import type { StoredEvent } from '../event.ts';
import type { SubscriptionDefinition } from '../subscription.ts';
import type { Delivery } from './delivery.ts';
import type { GroupConsumer } from './group-consumer.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** What a distribution needs of the subscription. */
export interface DistributionHost {
  readonly definition: SubscriptionDefinition;
  hand(delivery: Delivery, consumer: GroupConsumer): void;
  /** A queue has filled up to 80 %. @param consumer whose; null: everyone's */
  warn(consumer: GroupConsumer | null, queue: WaitingQueue): void;
}

/** Where an event would wait. */
export interface QueuePlace {
  readonly queue: WaitingQueue;
  /** Who is to blame if it is full. */
  readonly slowest: GroupConsumer;
}

/** How the events of a subscription are shared out among its consumers. */
export interface Distribution {
  /** Deliveries that wait. */
  readonly waiting: number;
  /** Whether it pays to read on. */
  readonly isRoomy: boolean;
  /** null: nobody is there. */
  queueFor(event: StoredEvent): QueuePlace | null;
  /** Whoever it is for, somebody must be there. */
  add(delivery: Delivery): void;
  /** Takes note that something was taken out of a queue, unseen by a consumer. */
  dropped(delivery: Delivery): void;
  /** A consumer has answered, and that is the end of the delivery. */
  answered(delivery: Delivery, consumer: GroupConsumer): void;
  /** A consumer has refused it: it waits again. */
  again(delivery: Delivery, consumer: GroupConsumer): void;
  joined(consumer: GroupConsumer): void;
  /** @param returned what it had in hand, and waits again */
  left(consumer: GroupConsumer, returned: readonly Delivery[]): void;
  /** Someone may have room that had none. */
  ready(consumer: GroupConsumer): void;
  /** Hands over what can be handed over. */
  pump(): void;
  /** Nobody is there any more. @returns what waited, in order of position */
  drain(): Delivery[];
}
