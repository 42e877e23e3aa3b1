import type { MeshKey } from '../ports.ts';
import type { Ordered, OrderedQueue } from './ordered-queue.ts';

/** A key that is kept advertised, and how that goes. Times are those of `Clock.now()`. */
export class Advertisement implements Ordered {
  readonly key: MeshKey;
  /** Grows with each that is added. */
  readonly number: number;
  order = 0;
  place = -1;
  /** Where it waits; null while it is under way. */
  queue: OrderedQueue<Advertisement> | null = null;
  flight: Flight | null = null;
  /** In a row. */
  failures = 0;
  /** When it is said again; of use only while it waits for that. */
  nextAtMs = 0;
  /** When it is to be renewed, and until when others can find it, both since it was last taken; in the past if it never was. */
  renewAtMs = Number.NEGATIVE_INFINITY;
  takenUntilMs = Number.NEGATIVE_INFINITY;
  takenAtWallMs: number | null = null;
  /** Under which it was last taken. */
  takenKeys: readonly Uint8Array[] = [];
  /** Nodes of the directory that were known then. */
  takenAmong = 0;
  /** Whoever waits for it is to hear when it is taken. */
  isNews = true;

  constructor(key: MeshKey, number: number) {
    this.key = key;
    this.number = number;
  }

  enter(queue: OrderedQueue<Advertisement>, order: number): void {
    this.order = order;
    this.queue = queue;
    queue.add(this);
  }

  leave(): void {
    this.queue?.delete(this);
    this.queue = null;
  }
}

/** An advertisement that is under way. */
export interface Flight {
  readonly advertisement: Advertisement;
  readonly keys: readonly Uint8Array[];
  readonly startedAtMs: number;
  readonly abort: AbortController;
  /** It has failed before. */
  readonly isRetry: boolean;
}
