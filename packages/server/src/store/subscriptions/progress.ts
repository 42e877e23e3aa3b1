import type { ParkedRecord, SubscriptionProgress } from '../operations.ts';
import type { SubscriptionState } from '../subscription.ts';
import type { Delivery } from './delivery.ts';

/** Most parked events, and as many that are parked no longer, in one write. */
const MAX_MARKS = 1000;
/** In UTF-16 code units; the rest is cut off. */
const MAX_REASON_LENGTH = 500;

/** What a subscription has to have written, and what is written. */
export class Progress {
  readonly #name: string;
  /** As the store has it. */
  checkpoint: number;
  parked: number;
  #state: SubscriptionState | null = null;
  readonly #toPark: { readonly delivery: Delivery; readonly record: ParkedRecord; isNew: boolean }[] = [];
  readonly #toUnpark = new Set<number>();

  constructor(name: string, checkpoint: number, parked: number) {
    this.#name = name;
    this.checkpoint = checkpoint;
    this.parked = parked;
  }

  /** Whether there is something to be written, beside the checkpoint. */
  get hasMarks(): boolean {
    return this.#state !== null || this.#toPark.length > 0 || this.#toUnpark.size > 0;
  }

  setState(state: SubscriptionState): void {
    this.#state = state;
  }

  /**
   * @param delivery is done when this is written
   * @param isNew whether it is not parked in the store already
   */
  park(delivery: Delivery, reason: string, parkedUs: number, isNew: boolean): void {
    delivery.isParking = true;
    const { position, attempts } = delivery;
    const text = reason.slice(0, MAX_REASON_LENGTH).toWellFormed();
    this.#toPark.push({ delivery, record: { position, reason: text, attempts, parkedUs }, isNew });
  }

  unpark(position: number): void {
    this.#toUnpark.add(position);
  }

  /** The store holds them as parked no longer, whatever is still to be written of them. Not while that is being written. */
  forget(positions: readonly number[]): void {
    this.parked -= positions.length;
    const gone = new Set(positions);
    for (const position of gone) this.#toUnpark.delete(position);
    for (const mark of this.#toPark) if (gone.has(mark.record.position)) mark.isNew = true;
  }

  /** @param checkpoint as it is now. @returns null: everything is written */
  pending(checkpoint: number): SubscriptionProgress | null {
    const advanced = checkpoint > this.checkpoint;
    if (!advanced && !this.hasMarks) return null;
    return {
      name: this.#name,
      checkpoint: advanced ? checkpoint : null,
      state: this.#state,
      park: this.#toPark.slice(0, MAX_MARKS).map(({ record }) => record),
      unpark: [...this.#toUnpark].slice(0, MAX_MARKS),
    };
  }

  /** @param written what `pending` gave. @returns the deliveries that are durably parked now */
  saved(written: SubscriptionProgress): Delivery[] {
    if (written.checkpoint !== null) this.checkpoint = written.checkpoint;
    if (this.#state === written.state) this.#state = null;
    const parked = this.#toPark.splice(0, written.park.length);
    for (const position of written.unpark) this.#toUnpark.delete(position);
    for (const { delivery, isNew } of parked) {
      if (isNew) this.parked++;
      delivery.isParking = false;
      delivery.finish();
    }
    this.parked -= written.unpark.length;
    return parked.map(({ delivery }) => delivery);
  }

  /** Forgets what is not written; the store was set to this. */
  reset(checkpoint: number): void {
    this.checkpoint = checkpoint;
    this.parked = 0;
    this.#state = null;
    this.#toPark.length = 0;
    this.#toUnpark.clear();
  }
}
