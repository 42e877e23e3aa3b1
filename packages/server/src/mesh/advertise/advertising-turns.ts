import type { Advertisement } from './advertisement.ts';
import { OrderedQueue } from './ordered-queue.ts';

/** More than there will ever be keys. */
const BEHIND_ALL = 2 ** 50;
/** While others wait, one turn in so many goes to what has failed before. */
const RETRY_EVERY = 4;

/**
 * Which advertisement is next, when more wait than the rate allows.
 *
 * - A new key comes first, the newest before the others: somebody waits for it. Those of subscribers come before those of publishers, who
 *   look for subscribers by themselves whenever they publish on a new topic.
 * - A renewal comes when no new key waits, the one that expires soonest before the others. Once it is close to expiry, new keys and
 *   renewals take turns: a flood of new keys leaves half of the rate to them.
 * - What has failed before comes when nothing else waits, and else every fourth time: keys that nobody takes leave most of the rate to the others.
 */
export class AdvertisingTurns {
  /** How long before its expiry a renewal is urgent. */
  readonly #urgentMs: number;
  readonly #fresh = new OrderedQueue<Advertisement>();
  readonly #renewals = new OrderedQueue<Advertisement>();
  readonly #retries = new OrderedQueue<Advertisement>();
  /** Those whose time has not come. */
  readonly #later = new OrderedQueue<Advertisement>();
  #wasFresh = false;
  #sinceRetry = RETRY_EVERY;

  constructor(urgentMs: number) {
    this.#urgentMs = urgentMs;
  }

  /** When the time of the next one comes that waits for it. */
  get nextAtMs(): number {
    return this.#later.first?.nextAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** It waits for its turn from now on. */
  add(advertisement: Advertisement): void {
    if (advertisement.failures > 0) advertisement.enter(this.#retries, advertisement.nextAtMs);
    else if (advertisement.takenAtWallMs !== null) advertisement.enter(this.#renewals, advertisement.takenUntilMs);
    else advertisement.enter(this.#fresh, freshOrder(advertisement));
  }

  addLater(advertisement: Advertisement, atMs: number): void {
    advertisement.nextAtMs = atMs;
    advertisement.enter(this.#later, atMs);
  }

  /** Those whose time has come wait for their turn. */
  advance(nowMs: number): void {
    for (let first = this.#later.first; first !== null && first.nextAtMs <= nowMs; first = this.#later.first) {
      first.leave();
      this.add(first);
    }
  }

  /** Whose turn it is; null: nobody waits. It stays where it is. */
  next(nowMs: number, mayRetry: boolean): Advertisement | null {
    const retry = mayRetry ? this.#retries.first : null;
    const other = this.#nextOther(nowMs);
    return retry !== null && (other === null || this.#sinceRetry >= RETRY_EVERY - 1) ? retry : other;
  }

  /** `next` has its turn. */
  take(advertisement: Advertisement): void {
    this.#sinceRetry = advertisement.queue === this.#retries ? 0 : this.#sinceRetry + 1;
    if (advertisement.queue !== this.#retries) this.#wasFresh = advertisement.queue === this.#fresh;
    advertisement.leave();
  }

  #nextOther(nowMs: number): Advertisement | null {
    const fresh = this.#fresh.first;
    const renewal = this.#renewals.first;
    if (fresh === null || renewal === null) return fresh ?? renewal;
    return this.#wasFresh && renewal.takenUntilMs - nowMs < this.#urgentMs ? renewal : fresh;
  }
}

function freshOrder({ key, number }: Advertisement): number {
  return key.kind === 'subscriber' ? -number : BEHIND_ALL - number;
}
