/** Something that will happen. `fn` is null once it has happened or was cancelled. */
export interface ScheduledEvent {
  readonly at: number;
  /** Of scheduling: what is due at the same time happens in this order. */
  readonly order: number;
  fn: (() => void) | null;
}

const before = (a: ScheduledEvent, b: ScheduledEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
/** Cancelled events that may lie about before the heap is built anew. */
const FEW = 1024;

/** A binary heap of events, earliest first. Cancelling is O(1): what was cancelled goes when it comes up, or when there is much of it. */
export class EventHeap {
  #events: ScheduledEvent[] = [];
  #cancelled = 0;

  get size(): number {
    return this.#events.length - this.#cancelled;
  }

  push(event: ScheduledEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, events[parent]!)) break;
      events[at] = events[parent]!;
      at = parent;
    }
    events[at] = event;
  }

  cancel(event: ScheduledEvent): void {
    if (event.fn === null) return;
    event.fn = null;
    this.#cancelled++;
    if (this.#cancelled > FEW && this.#cancelled > this.#events.length / 2) this.#rebuild();
  }

  /** Takes the earliest event that is due at `end` at the latest; null: there is none. */
  takeUntil(end: number): ScheduledEvent | null {
    for (;;) {
      const first = this.#events[0];
      if (first === undefined || first.at > end) return null;
      this.#removeFirst();
      if (first.fn !== null) return first;
      this.#cancelled--;
    }
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop()!;
    if (events.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
      if (!before(events[child]!, last)) break;
      events[at] = events[child]!;
      at = child;
    }
    events[at] = last;
  }

  #rebuild(): void {
    const live = this.#events.filter((event) => event.fn !== null);
    this.#events = [];
    this.#cancelled = 0;
    for (const event of live) this.push(event);
  }
}
