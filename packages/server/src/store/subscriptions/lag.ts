import type { StoredEvent } from '../event.ts';
import { readHistory } from './history.ts';
import type { SubscriptionParts } from './parts.ts';

/** How often the time of one event is looked up at most. */
const LOOK_EVERY_MS = 1000;
const US_PER_MS = 1000;
const MS_PER_S = 1000;

/** How old the first event is that a subscription has not done, from what is known without waiting for the store. */
export class Lag {
  readonly #parts: SubscriptionParts;
  /** What was looked up last, and the time of the event found there. */
  #position = -1;
  #timeUs = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
  }

  /**
   * @param doneTo a position: the next one counts
   * @param known the event there, if it is at hand
   * @returns seconds; of an earlier event until the right one has been looked up, and 0 if none ever was
   */
  after(doneTo: number, known: StoredEvent | null): number {
    const { engine, feed } = this.#parts;
    const position = doneTo + 1;
    if (position > engine.lastPosition) return 0;
    const event = known ?? feed.recent(position);
    if (event !== null) return this.#ageS(event.timeUs);
    if (position !== this.#position) void this.#lookNowAndThen(position);
    return this.#position < 0 || this.#position > position ? 0 : this.#ageS(this.#timeUs);
  }

  /** Sees to it that `after` can answer. @returns whether it has to be looked up, and when that is over */
  watch(doneTo: number, known: StoredEvent | null): Promise<void> | null {
    const { engine, feed } = this.#parts;
    const position = doneTo + 1;
    if (position > engine.lastPosition || position === this.#position) return null;
    const event = known ?? feed.recent(position);
    if (event === null) return this.#lookNowAndThen(position);
    this.#position = position;
    this.#timeUs = event.timeUs;
    return null;
  }

  #ageS(timeUs: number): number {
    return Math.max(0, this.#parts.clock.wallMs() - timeUs / US_PER_MS) / MS_PER_S;
  }

  #lookNowAndThen(position: number): Promise<void> | null {
    const now = this.#parts.clock.now();
    if (now < this.#lookedAt + LOOK_EVERY_MS) return null;
    this.#lookedAt = now;
    return this.#look(position);
  }

  async #look(position: number): Promise<void> {
    try {
      const { events } = await readHistory(this.#parts.engine, {}, position, 1);
      if (events[0] === undefined) return;
      this.#position = position;
      this.#timeUs = events[0].timeUs;
    } catch {
      // A store that cannot be read is reported elsewhere; the lag is as it was.
    }
  }
}
