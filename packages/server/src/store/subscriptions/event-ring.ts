import type { StoredEvent } from '../event.ts';
import { RecordedEvent } from '../recorded-event.ts';

/** What an event weighs beside its data or record, roughly. */
const OVERHEAD_BYTES = 256;

/** @returns bytes that `event` takes while it is held, roughly */
export const heldBytes = (event: StoredEvent): number =>
  (event instanceof RecordedEvent ? event.size : event.bytes.length) + OVERHEAD_BYTES;

/** The most recent events of a store, without a gap, at most so many and so many bytes: the oldest go first. */
export class EventRing {
  /** Position of the oldest that is held; `next` if none is. */
  first = 0;
  /** Position that comes next. */
  next = 0;
  readonly #slots: (StoredEvent | null)[];
  readonly #sizes: Float64Array;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#slots = new Array<StoredEvent | null>(maxEvents).fill(null);
    this.#sizes = new Float64Array(maxEvents);
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets everything; goes on at position `next`. */
  restart(next: number): void {
    this.#slots.fill(null);
    this.#bytes = 0;
    this.first = next;
    this.next = next;
  }

  /** @param event has position `next` */
  push(event: StoredEvent): void {
    if (this.next - this.first === this.#slots.length) this.#dropFirst();
    const slot = this.next % this.#slots.length;
    const size = heldBytes(event);
    this.#slots[slot] = event;
    this.#sizes[slot] = size;
    this.#bytes += size;
    this.next++;
    while (this.#bytes > this.#maxBytes) this.#dropFirst();
  }

  /** @param position from `first` to before `next` */
  at(position: number): StoredEvent {
    return this.#slots[position % this.#slots.length]!;
  }

  #dropFirst(): void {
    const slot = this.first % this.#slots.length;
    this.#bytes -= this.#sizes[slot]!;
    this.#slots[slot] = null;
    this.first++;
  }
}
