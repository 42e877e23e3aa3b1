import { Fifo } from '../lib/fifo.ts';
import type { Turn, TurnTask } from '../lib/turn.ts';

/** Something that hands out retained messages. */
export interface Feeder {
  /** Goes on; schedules itself again when there is more that could go on now. @returns steps taken, at most `most` */
  feed(most: number): number;
}

/** Steps of all feeders together in one turn: well under a millisecond. */
const STEPS_PER_TURN = 250;
/** Steps of one feeder before the next has its turn. */
const STEPS_PER_FEEDER = 50;

/**
 * Retained messages for new subscriptions, in slices: whatever is retained and however many ask for it at once, a turn of the
 * event loop spends a bounded time on it. A step is a message handed out, or a few places of the store looked at.
 */
export class FeedScheduler implements TurnTask {
  readonly #turn: Turn;
  readonly #waiting = new Fifo<Feeder>();
  #scheduled = false;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Its turn comes at the end of this turn of the event loop or a later one. The feeder makes sure to be in here once. */
  add(feeder: Feeder): void {
    this.#waiting.push(feeder);
    this.#schedule();
  }

  endOfTurn(): void {
    this.#scheduled = false;
    let left = STEPS_PER_TURN;
    while (left > 0) {
      const feeder = this.#waiting.shift();
      if (feeder === undefined) return;
      // One for the feeder itself: many that can do nothing at the moment cost something too.
      left -= 1 + feeder.feed(Math.min(left, STEPS_PER_FEEDER));
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turn.atEnd(this);
  }
}
