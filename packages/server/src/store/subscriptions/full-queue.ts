import { PlexusError } from '@plexus/protocol';
import type { StoredEvent } from '../event.ts';
import type { ConsumerEnd, SubscriptionDefinition } from '../subscription.ts';
import type { QueuePlace } from './distribution.ts';
import type { GroupConsumer } from './group-consumer.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** What a full queue can have done. */
export interface FullQueueHost {
  readonly definition: SubscriptionDefinition;
  /** Where the event would wait; null: nobody is there. */
  placeFor(event: StoredEvent): QueuePlace | null;
  /** Takes note that an event was dropped that is in no queue. */
  dropNewest(): void;
  dropOldest(queue: WaitingQueue): void;
  end(consumer: GroupConsumer, reason: ConsumerEnd, error: Error | null): void;
}

/** @returns what becomes of an event that was read, after its policy had its way; `wait` stops reading */
export function makeRoom(host: FullQueueHost, event: StoredEvent): 'add' | 'skip' | 'wait' {
  for (let place = host.placeFor(event); place !== null; place = host.placeFor(event)) {
    const { queue, slowest } = place;
    if (!queue.isFull) return 'add';
    switch (host.definition.whenFull) {
      case 'block':
        return 'wait';
      case 'drop_newest':
        host.dropNewest();
        return 'skip';
      case 'drop_oldest':
        host.dropOldest(queue);
        break;
      case 'error':
        host.end(slowest, 'overflow', new PlexusError('consumer_overflow', { bound: queue.bound }));
    }
  }
  return 'wait';
}
