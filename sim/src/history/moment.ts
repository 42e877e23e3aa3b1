import type { VirtualTime } from '../virtual-time.ts';

/** When something happened: virtual milliseconds, and its place in the order of everything that is written down. */
export interface Moment {
  readonly at: number;
  readonly order: number;
}

/** Gives moments. One for all histories of a world, so that moments can be compared. */
export class Moments {
  readonly #time: VirtualTime;
  #order = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  next(): Moment {
    return { at: this.#time.now, order: ++this.#order };
  }
}
