import type { Clock, Timer } from '../../lib/clock.ts';
import { RecencyList, type Recent } from '../../peer/recency-list.ts';
import { pathsOfTopic, takesPart } from '../key-paths.ts';
import type { KeyPath, PublishedTopics } from '../ports.ts';

export interface RecentTopicsOptions {
  /** A topic that was not touched for so long is no longer in use. */
  readonly idleMs: number;
  /** Topics that are found by all of their prefixes, of all realms together; as many shorter prefixes of others. */
  readonly maxTopics: number;
}

export const RECENT_TOPICS_DEFAULTS: RecentTopicsOptions = { idleMs: 300_000, maxTopics: 1000 };

class UsedPath implements Recent<UsedPath> {
  older: UsedPath | null = null;
  newer: UsedPath | null = null;
  inList = false;
  usedAtMs = 0;
  readonly realm: string;
  readonly path: KeyPath;

  constructor(realm: string, path: KeyPath) {
    this.realm = realm;
    this.path = path;
  }
}

/** Paths in use, and which of them was not for longest. */
class UsedPaths {
  readonly #paths = new Map<string, UsedPath>();
  readonly #recency = new RecencyList<UsedPath>();

  get size(): number {
    return this.#paths.size;
  }

  get oldest(): UsedPath | null {
    return this.#recency.oldest;
  }

  has(realm: string, path: KeyPath): boolean {
    return this.#paths.has(`${realm}\0${path}`);
  }

  /** @returns whether it was not in use before */
  use(realm: string, path: KeyPath, nowMs: number): boolean {
    const id = `${realm}\0${path}`;
    let used = this.#paths.get(id);
    const isNew = used === undefined;
    if (used === undefined) {
      used = new UsedPath(realm, path);
      this.#paths.set(id, used);
    }
    used.usedAtMs = nowMs;
    this.#recency.touch(used);
    return isNew;
  }

  delete(used: UsedPath): void {
    this.#paths.delete(`${used.realm}\0${used.path}`);
    this.#recency.delete(used);
  }
}

/**
 * Which topics are published on here, and with that their prefixes. The first `maxTopics` topics count with all of their prefixes, each for as
 * long as it is in use: none of them loses its place to a later one. Any other counts with its shorter prefixes, from the realm on, as long as
 * there are fewer than `maxTopics` of these or they are there anyway; it takes the place of a topic when one is free and it is touched again.
 * The realm itself has no bound. So a path goes only when nothing under it was published for `idleMs`, however topics take turns.
 */
export class RecentTopics implements PublishedTopics {
  listener: PublishedTopics['listener'] = null;
  /** Touches of topics that were too many. */
  shortened = 0;
  readonly #clock: Clock;
  readonly #options: RecentTopicsOptions;
  /** By all of their levels. */
  readonly #topics = new UsedPaths();
  readonly #prefixes = new UsedPaths();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(clock: Clock, options: Partial<RecentTopicsOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...RECENT_TOPICS_DEFAULTS, ...options };
  }

  /** Topics that count with all of their prefixes. */
  get size(): number {
    return this.#topics.size;
  }

  touch(realm: string, topic: string): void {
    if (this.#stopped || !takesPart(topic)) return;
    const now = this.#clock.now();
    const { maxTopics } = this.#options;
    const prefixes = pathsOfTopic(topic);
    const whole = prefixes.pop()!;
    const hasPlace = this.#topics.size < maxTopics || this.#topics.has(realm, whole);
    for (const path of prefixes) {
      const hasRoom = hasPlace || path === '' || this.#prefixes.size < maxTopics || this.#prefixes.has(realm, path);
      if (hasRoom) this.#use(this.#prefixes, this.#topics, realm, path, now);
    }
    if (hasPlace) this.#use(this.#topics, this.#prefixes, realm, whole, now);
    else this.shortened++;
    this.#arm();
  }

  isPublished(realm: string, path: KeyPath): boolean {
    return this.#topics.has(realm, path) || this.#prefixes.has(realm, path);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #use(paths: UsedPaths, others: UsedPaths, realm: string, path: KeyPath, nowMs: number): void {
    if (paths.use(realm, path, nowMs) && !others.has(realm, path)) this.listener?.onPath(realm, path, true);
  }

  #sweep(): void {
    this.#timer = null;
    this.#forget(this.#topics, this.#prefixes);
    this.#forget(this.#prefixes, this.#topics);
    this.#arm();
  }

  #forget(paths: UsedPaths, others: UsedPaths): void {
    const since = this.#clock.now() - this.#options.idleMs;
    for (let oldest = paths.oldest; oldest !== null && oldest.usedAtMs <= since; oldest = paths.oldest) {
      paths.delete(oldest);
      if (!others.has(oldest.realm, oldest.path)) this.listener?.onPath(oldest.realm, oldest.path, false);
    }
  }

  /** One timer, for the soonest that can be idle. What is used again meanwhile does not move it. */
  #arm(): void {
    if (this.#timer !== null || this.#stopped) return;
    const topic = this.#topics.oldest?.usedAtMs ?? Number.POSITIVE_INFINITY;
    const prefix = this.#prefixes.oldest?.usedAtMs ?? Number.POSITIVE_INFINITY;
    const oldest = Math.min(topic, prefix);
    if (oldest === Number.POSITIVE_INFINITY) return;
    const idleInMs = Math.ceil(oldest + this.#options.idleMs - this.#clock.now());
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), Math.max(idleInMs, 0));
  }
}
