import { Fifo } from '../../lib/fifo.ts';
import type { Delivery } from './delivery.ts';

/** Most deliveries between the first that is not done and the last that was read; then reading waits. */
export const MAX_OUTSTANDING = 65_536;

/** What was read and is not counted off yet, in order of position: the checkpoint lies before the first that is not done. */
export class Outstanding {
  readonly #all = new Fifo<Delivery>();

  get isFull(): boolean {
    return this.#all.length >= MAX_OUTSTANDING;
  }

  /** The first that is not done. */
  get first(): Delivery | null {
    return this.#all.peek() ?? null;
  }

  /** @param delivery comes after all others */
  add(delivery: Delivery): void {
    this.#all.push(delivery);
  }

  /** Counts off what is done, up to the first that is not. */
  settle(): void {
    for (let first = this.#all.peek(); first?.isDone === true; first = this.#all.peek()) this.#all.shift();
  }

  /**
   * Forgets what comes after the last that anyone has seen, or that is done.
   * @returns the position of the first that is forgotten, from which to read on; null: none is
   */
  trim(): number | null {
    let from: number | null = null;
    for (let last = this.#all.pop(); last !== undefined; last = this.#all.pop()) {
      if (last.isDone || last.isParking || last.attempts > 0) {
        this.#all.push(last);
        break;
      }
      from = last.position;
    }
    return from;
  }

  clear(): void {
    while (this.#all.shift() !== undefined);
  }
}
