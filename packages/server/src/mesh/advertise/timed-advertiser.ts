import type { Clock, Timer } from '../../lib/clock.ts';
import { TurnoverMap } from '../../lib/turnover-map.ts';
import type { Directory } from '../../peer/directory.ts';
import type { AdvertisementListing, Advertiser, DirectoryKeysOf, MeshKey } from '../ports.ts';
import { Advertisement, type Flight } from './advertisement.ts';
import { AdvertisingTurns } from './advertising-turns.ts';

export interface TimedAdvertiserOptions {
  /** For how long a record is valid. */
  readonly ttlMs: number;
  /** How long before that it is said again at the latest, if the rate allows; never more than half of `ttlMs`. */
  readonly renewBeforeMs: number;
  /**
   * Records per second, over any longer time; a second's worth may go out at once. It keeps about `ratePerS × 0.9 × (ttlMs − renewBeforeMs)`
   * keys current, half as many while two epochs are in use: with more, records expire before they are renewed.
   */
  readonly ratePerS: number;
  /** Keys under way at once. */
  readonly concurrency: number;
  readonly maxKeys: number;
  /** After which one under way counts as failed. */
  readonly timeoutMs: number;
}

export const ADVERTISER_DEFAULTS: TimedAdvertiserOptions = {
  ttlMs: 300_000,
  renewBeforeMs: 60_000,
  ratePerS: 20,
  concurrency: 8,
  maxKeys: 100_000,
  timeoutMs: 30_000,
};

export interface TimedAdvertiserPorts {
  readonly directory: Pick<Directory, 'provide' | 'status'>;
  readonly keysOf: DirectoryKeysOf;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface AdvertiserCounters {
  /** Records that were sent; a key has one for each epoch in use. */
  sent: number;
  /** Keys whose records were not all taken, each time. */
  failed: number;
  /** Keys that were not added because there were too many. */
  refused: number;
}

const FIRST_RETRY_MS = 1000;
const MOST_RETRY_MS = 60_000;
/** Whoever publishes on a new topic looks for its subscribers first, which is what its first message waits for. */
const PUBLISHER_PAUSE_MS = 300;
/** Part of a delay that is left to chance: what was said together is not said together again. */
const SPREAD = 0.2;
/** How often it is looked whether the directory has grown. */
const GROWTH_LOOK_MS = 5000;
/** A node knows so many more of the directory each time that has doubled, as kad-dht is set up (`peer/kad-service.ts`: k). */
const PER_DOUBLING = 8;
/** Keys looked at in one turn of the event loop: those for which there is nothing to do cost no rate. */
const MAX_LOOKS = 256;

/**
 * Says keys to the directory, and again before their records expire. Who is next when not all can be said at once: `AdvertisingTurns`. Each
 * is said for all epochs in use, and counts as taken when all of its records were.
 *
 * A record is with the nodes next to its key that were there when it was said. When the directory has grown much since, others look at nodes that
 * have not heard of it: then it is said again at once, and counts as news.
 */
export class TimedAdvertiser implements Advertiser {
  onAdvertised: ((key: MeshKey) => void) | null = null;
  readonly counters: AdvertiserCounters = { sent: 0, failed: 0, refused: 0 };
  readonly #ports: TimedAdvertiserPorts;
  readonly #options: TimedAdvertiserOptions;
  readonly #all = new TurnoverMap<string, Advertisement>();
  readonly #turns: AdvertisingTurns;
  readonly #flights = new Set<Flight>();
  #added = 0;
  /** When the rate allows the next record. */
  #freeAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #timerAtMs = 0;
  #growth: Timer | null = null;
  #stopped = false;

  constructor(ports: TimedAdvertiserPorts, options: Partial<TimedAdvertiserOptions> = {}) {
    this.#ports = ports;
    const { renewBeforeMs, ttlMs, ...others } = { ...ADVERTISER_DEFAULTS, ...options };
    this.#options = { ...others, ttlMs, renewBeforeMs: Math.min(renewBeforeMs, ttlMs / 2) };
    this.#turns = new AdvertisingTurns(this.#options.renewBeforeMs / 2);
  }

  get size(): number {
    return this.#all.size;
  }

  add(key: MeshKey): void {
    const id = idOf(key);
    if (this.#stopped || this.#all.has(id)) return;
    if (this.#all.size >= this.#options.maxKeys) {
      this.counters.refused++;
      return;
    }
    this.#growth ??= this.#ports.clock.setTimeout(() => this.#lookForGrowth(), GROWTH_LOOK_MS);
    const advertisement = new Advertisement(key, ++this.#added);
    this.#all.set(id, advertisement);
    if (key.kind === 'subscriber') this.#wait(advertisement);
    else this.#pause(advertisement);
  }

  remove(key: MeshKey): void {
    const id = idOf(key);
    const advertisement = this.#all.get(id);
    if (advertisement === undefined) return;
    this.#all.delete(id);
    advertisement.leave();
    if (advertisement.flight !== null) {
      this.#abort(advertisement.flight);
      this.#wakeAt(this.#ports.clock.now());
    }
  }

  isAdvertised(key: MeshKey): boolean {
    const advertisement = this.#all.get(idOf(key));
    return advertisement !== undefined && advertisement.takenUntilMs > this.#ports.clock.now();
  }

  /** Keys that stand in the directory as they would be said now are left as they are. */
  refresh(realm: string): void {
    for (const advertisement of this.#all.values()) {
      if (advertisement.key.realm !== realm) continue;
      if (advertisement.flight !== null) this.#abort(advertisement.flight);
      advertisement.leave();
      advertisement.failures = 0;
      this.#wait(advertisement);
    }
  }

  sayAgain(): void {
    for (const advertisement of this.#all.values()) {
      if (advertisement.flight !== null) this.#abort(advertisement.flight);
      advertisement.failures = 0;
      this.#sayAnew(advertisement);
    }
  }

  list(): readonly AdvertisementListing[] {
    const now = this.#ports.clock.now();
    return Array.from(this.#all.values(), (advertisement) => listingOf(advertisement, now));
  }

  /** Those after a place in the order in which they were added. @returns `next` null: there are no more */
  page(
    after: number,
    limit: number,
  ): { readonly items: readonly AdvertisementListing[]; readonly next: number | null } {
    const now = this.#ports.clock.now();
    const items: AdvertisementListing[] = [];
    let last = after;
    for (const advertisement of this.#all.values()) {
      if (advertisement.number <= after) continue;
      if (items.length === limit) return { items, next: last };
      items.push(listingOf(advertisement, now));
      last = advertisement.number;
    }
    return { items, next: null };
  }

  /** How many there are in each state. */
  states(): Readonly<Record<AdvertisementListing['state'], number>> {
    const now = this.#ports.clock.now();
    const counts = { waiting: 0, advertising: 0, advertised: 0, failed: 0 };
    for (const advertisement of this.#all.values()) counts[stateOf(advertisement, now)]++;
    return counts;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#growth?.cancel();
    for (const flight of this.#flights) this.#abort(flight);
  }

  /** From now on. Not before the end of the turn: of what is added in one turn, the newest is first. */
  #wait(advertisement: Advertisement): void {
    const now = this.#ports.clock.now();
    advertisement.nextAtMs = now;
    this.#turns.add(advertisement);
    this.#wakeAt(now);
  }

  #pause(advertisement: Advertisement): void {
    const atMs = this.#ports.clock.now() + PUBLISHER_PAUSE_MS;
    this.#turns.addLater(advertisement, atMs);
    this.#wakeAt(atMs);
  }

  #lookForGrowth(): void {
    this.#growth = null;
    const { peers } = this.#ports.directory.status();
    for (const advertisement of this.#all.values()) {
      const { flight, takenAmong, takenUntilMs } = advertisement;
      if (flight !== null || takenUntilMs <= this.#ports.clock.now() || !hasGrown(takenAmong, peers)) continue;
      this.#sayAnew(advertisement);
    }
    if (this.#all.size > 0) this.#growth = this.#ports.clock.setTimeout(() => this.#lookForGrowth(), GROWTH_LOOK_MS);
  }

  #sayAnew(advertisement: Advertisement): void {
    advertisement.leave();
    advertisement.isNews = true;
    advertisement.renewAtMs = Number.NEGATIVE_INFINITY;
    this.#wait(advertisement);
  }

  #wakeAt(atMs: number): void {
    if (this.#stopped || (this.#timer !== null && this.#timerAtMs <= atMs)) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    // Rounded up: a timer that is early would find nothing to do.
    const delayMs = Math.ceil(Math.max(atMs - this.#ports.clock.now(), 0));
    this.#timer = this.#ports.clock.setTimeout(() => this.#run(), delayMs);
  }

  #run(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const now = this.#ports.clock.now();
    for (const flight of this.#flights) if (flight.startedAtMs + this.#options.timeoutMs <= now) this.#expire(flight);
    this.#turns.advance(now);
    for (let looks = 0; looks < MAX_LOOKS && this.#freeAtMs <= now; looks++) {
      const next = this.#next(now);
      if (next === null) break;
      this.#turns.take(next);
      this.#say(next, now);
    }
    this.#wakeForNext(now);
  }

  #next(nowMs: number): Advertisement | null {
    const { concurrency } = this.#options;
    if (this.#flights.size >= concurrency) return null;
    let retries = 0;
    for (const { isRetry } of this.#flights) if (isRetry) retries++;
    // Those that nobody answers are under way for long: they may not take all places.
    return this.#turns.next(nowMs, retries < Math.max(1, concurrency / 4));
  }

  #wakeForNext(nowMs: number): void {
    let atMs = this.#turns.nextAtMs;
    if (this.#next(nowMs) !== null) atMs = Math.min(atMs, this.#freeAtMs);
    for (const { startedAtMs } of this.#flights) atMs = Math.min(atMs, startedAtMs + this.#options.timeoutMs);
    if (atMs !== Number.POSITIVE_INFINITY) this.#wakeAt(atMs);
  }

  #say(advertisement: Advertisement, nowMs: number): void {
    const keys = this.#ports.keysOf(advertisement.key);
    const isSame = sameKeys(keys, advertisement.takenKeys);
    if (keys.length === 0) {
      // Until a token comes, which `refresh` tells of.
      this.#turns.addLater(advertisement, nowMs + this.#spread(MOST_RETRY_MS));
      return;
    }
    if (isSame && advertisement.renewAtMs > nowMs) {
      this.#turns.addLater(advertisement, advertisement.renewAtMs);
      return;
    }
    if (!isSame) advertisement.isNews = true;
    const abort = new AbortController();
    const isRetry = advertisement.failures > 0;
    const flight: Flight = { advertisement, keys, startedAtMs: nowMs, abort, isRetry };
    advertisement.flight = flight;
    this.#flights.add(flight);
    this.#spend(keys.length, nowMs);
    void this.#provide(flight);
  }

  #spend(records: number, nowMs: number): void {
    const eachMs = 1000 / this.#options.ratePerS;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - Math.max(1000 - eachMs, 0)) + records * eachMs;
    this.counters.sent += records;
  }

  async #provide(flight: Flight): Promise<void> {
    const { directory } = this.#ports;
    const outcomes = await Promise.allSettled(flight.keys.map((key) => directory.provide(key, flight.abort.signal)));
    if (!this.#flights.delete(flight)) return;
    flight.advertisement.flight = null;
    if (outcomes.every(({ status }) => status === 'fulfilled')) this.#taken(flight);
    else this.#failed(flight.advertisement);
    this.#run();
  }

  #taken({ advertisement, keys, startedAtMs }: Flight): void {
    const { ttlMs, renewBeforeMs } = this.#options;
    const { clock } = this.#ports;
    // Who looked while it had expired has not found it.
    const isNews = advertisement.isNews || advertisement.takenUntilMs <= clock.now();
    advertisement.isNews = false;
    advertisement.failures = 0;
    advertisement.takenKeys = keys;
    advertisement.takenAmong = this.#ports.directory.status().peers;
    advertisement.takenAtWallMs = clock.wallMs();
    // From when it was sent: some node may have had it from then on.
    advertisement.takenUntilMs = startedAtMs + ttlMs;
    advertisement.renewAtMs = startedAtMs + this.#spread(ttlMs - renewBeforeMs);
    this.#turns.addLater(advertisement, advertisement.renewAtMs);
    if (isNews) this.onAdvertised?.(advertisement.key);
  }

  #failed(advertisement: Advertisement): void {
    this.counters.failed++;
    advertisement.isNews = true;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** advertisement.failures, MOST_RETRY_MS);
    advertisement.failures++;
    this.#turns.addLater(advertisement, this.#ports.clock.now() + this.#spread(delayMs));
  }

  #expire(flight: Flight): void {
    this.#abort(flight);
    this.#failed(flight.advertisement);
  }

  /** Its answer is ignored. */
  #abort(flight: Flight): void {
    this.#flights.delete(flight);
    flight.advertisement.flight = null;
    flight.abort.abort();
  }

  /** Up to a fifth earlier. */
  #spread(delayMs: number): number {
    return delayMs * (1 - SPREAD * this.#ports.random());
  }
}

const idOf = ({ kind, realm, path }: MeshKey): string => `${kind}\0${realm}\0${path}`;

function listingOf(advertisement: Advertisement, nowMs: number): AdvertisementListing {
  const isWaiting = advertisement.nextAtMs > nowMs && advertisement.flight === null;
  return {
    ...advertisement.key,
    state: stateOf(advertisement, nowMs),
    advertisedAtMs: advertisement.takenAtWallMs,
    nextInMs: isWaiting ? advertisement.nextAtMs - nowMs : 0,
  };
}

function stateOf({ flight, failures, takenUntilMs }: Advertisement, nowMs: number): AdvertisementListing['state'] {
  if (flight !== null) return 'advertising';
  if (failures > 0) return 'failed';
  return takenUntilMs > nowMs ? 'advertised' : 'waiting';
}

/** So much that a record may be out of sight: to twice as many nodes while there are few, to four times as many later. */
function hasGrown(before: number, now: number): boolean {
  return now > before && now >= Math.min(2 * before, before + 2 * PER_DOUBLING);
}

function sameKeys(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  const areSame = (one: Uint8Array, other: Uint8Array): boolean => one.every((byte, i) => byte === other[i]);
  return some.length === others.length && some.every((key, i) => areSame(key, others[i]!));
}
