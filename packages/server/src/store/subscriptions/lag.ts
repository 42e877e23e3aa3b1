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
  /** Of the event that was looked up last. */
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
    if (position !== this.#position) this.#look(position);
    return this.#position < 0 || this.#position > position ? 0 : this.#ageS(this.#timeUs);
  }

  #ageS(timeUs: number): number {
    return Math.max(0, this.#parts.clock.wallMs() - timeUs / US_PER_MS) / MS_PER_S;
  }

  #look(position: number): void {
    const now = this.#parts.clock.now();
    if (now < this.#lookedAt + LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    readHistory(this.#parts.engine, {}, position, 1).then(
      ({ events: [event] }) => {
        if (event === undefined) return;
        this.#position = event.position;
        this.#timeUs = event.timeUs;
      },
      // A store that cannot be read is reported elsewhere; the lag is as it was.
      () => {},
    );
  }
}
