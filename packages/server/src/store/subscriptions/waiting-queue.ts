import type { Delivery } from './delivery.ts';
import { DeliveryHeap } from './delivery-heap.ts';
import { FillWarning } from './fill-warning.ts';
import type { StreamLane } from './stream-distribution.ts';

/** However few events that is: a queue is full with so many bytes. */
export const MAX_QUEUE_BYTES = 16 * 1024 * 1024;

/**
 * What waits in front of one consumer, or of all of a pool, in order of position. Deliveries whose stream has to wait for
 * something are *held*: they count, but are passed over. The bound is for who adds to look at; what comes back from a
 * consumer that left is let in beyond it.
 */
export class WaitingQueue {
  bound: number;
  /** Calls for the warning at 80 %. */
  readonly #warning = new FillWarning();
  readonly #heap = new DeliveryHeap();
  readonly #held = new Set<Delivery>();
  #bytes = 0;

  constructor(bound: number) {
    this.bound = bound;
  }

  get size(): number {
    return this.#heap.size + this.#held.size;
  }

  get isFull(): boolean {
    return this.size >= this.bound || this.#bytes >= MAX_QUEUE_BYTES;
  }

  /** Whether it pays to read on. */
  get isRoomy(): boolean {
    return this.size <= this.bound >> 1 && this.#bytes <= MAX_QUEUE_BYTES >> 1;
  }

  /** @returns whether the queue has just passed the mark of its warning */
  push(delivery: Delivery): boolean {
    this.#heap.push(delivery);
    this.#bytes += delivery.bytes;
    return this.#warning.rises(this.size, this.bound);
  }

  /** Takes the first that is not held. */
  pop(): Delivery | null {
    const delivery = this.#heap.pop();
    if (delivery !== null) this.#took(delivery);
    return delivery;
  }

  /** Puts one back that was just taken, until `release` of its lane. */
  hold(delivery: Delivery): void {
    this.#held.add(delivery);
    this.#bytes += delivery.bytes;
  }

  release(lane: StreamLane): void {
    if (this.#held.size === 0) return;
    for (const delivery of this.#held) {
      if (delivery.lane !== lane) continue;
      this.#held.delete(delivery);
      this.#heap.push(delivery);
    }
  }

  /** Takes the oldest, held or not. */
  popOldest(): Delivery | null {
    let oldest = this.#heap.peek();
    for (const delivery of this.#held) {
      if (oldest === null || delivery.position < oldest.position) oldest = delivery;
    }
    if (oldest === null || !this.#held.delete(oldest)) return this.pop();
    this.#took(oldest);
    return oldest;
  }

  /** Takes everything, in order. */
  drain(): Delivery[] {
    const all = [...this.#held];
    this.#held.clear();
    for (let next = this.#heap.pop(); next !== null; next = this.#heap.pop()) all.push(next);
    this.#bytes = 0;
    this.#warning.falls(0, this.bound);
    return all.sort((a, b) => a.position - b.position);
  }

  #took(delivery: Delivery): void {
    this.#bytes -= delivery.bytes;
    this.#warning.falls(this.size, this.bound);
  }
}
