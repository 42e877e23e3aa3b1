import type { StoredEvent } from '../event.ts';
import { heldBytes } from './event-ring.ts';
import type { StreamLane } from './stream-distribution.ts';

/** One event on its way through a persistent subscription, from being read to being answered. */
export class Delivery {
  readonly position: number;
  /** null once it is done, so that one that waits to be counted off holds nothing. */
  event: StoredEvent | null;
  readonly bytes: number;
  /** How often it was handed to a consumer. */
  attempts = 0;
  /** Whether it is a parked event that is delivered again: the checkpoint does not wait for it. */
  readonly isReplay: boolean;
  /** Acknowledged, skipped, dropped, or durably parked. */
  isDone = false;
  /** Given up on, and not yet known to be stored as parked. */
  isParking = false;
  /** Refused with `retry`, and not answered since. */
  isRefused = false;
  /** Of its stream; null where the strategy knows no lanes, or while nobody is there. */
  lane: StreamLane | null = null;
  /** When it was last handed over, by the monotonic clock. */
  deliveredAt = 0;

  constructor(event: StoredEvent, isReplay: boolean) {
    this.position = event.position;
    this.event = event;
    this.bytes = heldBytes(event);
    this.isReplay = isReplay;
  }

  finish(): void {
    this.isDone = true;
    this.event = null;
  }
}
