import {
  encodeUtf8,
  InterestStamps,
  type RecentTopic,
  SubscriptionTrie,
  type TopicLimits,
  TopicTable,
} from '@plexus/protocol';
import { TurnoverMap } from '../lib/turnover-map.ts';
import { LevelInterest } from './level-interest.ts';
import type { InterestSink } from './ports.ts';
import { Route, Target } from './route.ts';
import type { Session } from './session.ts';
import { isShared, parseShare, ShareGroup } from './share-group.ts';
import type { Subscription } from './subscription.ts';

/** Topics whose routes are kept, per realm. */
const RECENT_TOPICS = 32_768;
const UNBOUND_TOPICS = 4096;
/** What the specification allows. */
const ANY_TOPIC: TopicLimits = { maxTopicBytes: 65_535, maxTopicLevels: 65_535 };
/** Targets of all kept routes together, per realm; past it they are forgotten and found again. */
const MAX_CACHED_TARGETS = 500_000;

/** An isolated namespace: its sessions, its subscriptions, and the routes that follow from them. */
export class Realm {
  readonly name: string;
  /** Handed to the decoders of the realm's connections: a topic found there belongs to this realm. */
  readonly topics: TopicTable;
  readonly sessions = new TurnoverMap<string, Session>();
  /** Messages of its clients and to them, since the start. */
  messagesIn = 0;
  messagesOut = 0;
  /** Persistent subscriptions of stores that clients consume. */
  storeSubscriptions = 0;
  /** Which stores' events somebody wants live. */
  readonly storeInterest = new LevelInterest('$store/');
  #trie = new SubscriptionTrie<Subscription | ShareGroup>();
  /** Shared subscriptions, by filter with `$share/{group}/`. */
  #groups = new Map<string, ShareGroup>();
  #subscriptions = 0;
  /** Subscriptions by filter, of those that are not shared; empty while nobody hears of them. */
  readonly #filters = new Map<string, number>();
  readonly #interest: InterestSink | null;
  #stamps = new InterestStamps();
  #cachedTargets = 0;
  #routesBuilt = 0;
  /** See `unboundTopic`; null until there is one. Apart, so that a store with many streams pushes out no topic of a client. */
  #unboundTopics: TopicTable | null = null;

  constructor(name: string, limits: TopicLimits, interest: InterestSink | null) {
    this.name = name;
    this.#interest = interest;
    this.topics = this.#table(RECENT_TOPICS, limits);
  }

  get subscriptions(): number {
    return this.#subscriptions + this.storeSubscriptions;
  }

  add(subscription: Subscription): void {
    const { filter } = subscription.request;
    const share = parseShare(filter);
    this.#subscriptions++;
    this.storeInterest.add(share?.filter ?? filter);
    if (share === null) {
      this.#trie.add(filter, subscription);
      this.#stamps.changed(filter);
      this.#count(filter, 1);
      return;
    }
    let group = this.#groups.get(filter);
    if (group === undefined) {
      group = new ShareGroup(filter);
      this.#groups.set(filter, group);
      this.#trie.add(share.filter, group);
      this.#stamps.changed(share.filter);
    }
    group.join(subscription);
    this.#tellGroup(group);
  }

  remove(subscription: Subscription): void {
    const { filter } = subscription.request;
    const share = parseShare(filter);
    this.#subscriptions--;
    this.storeInterest.remove(share?.filter ?? filter);
    if (share === null) {
      this.#trie.remove(subscription);
      this.#stamps.changed(filter);
      this.#count(filter, -1);
      return;
    }
    const group = this.#groups.get(filter)!;
    group.leave(subscription.session);
    this.#tellGroup(group);
    if (!group.empty) return;
    this.#groups.delete(filter);
    this.#trie.remove(group);
    this.#stamps.changed(share.filter);
  }

  /** The options of a subscription that stays were changed. */
  changed(subscription: Subscription): void {
    const group = this.#groups.get(subscription.request.filter);
    if (group === undefined) this.#stamps.changed(subscription.request.filter);
    else group.join(subscription);
  }

  /** A session with these filters has got a connection, or lost it. */
  presenceChanged(filters: Iterable<string>): void {
    if (this.#interest === null) return;
    for (const filter of filters) {
      const group = isShared(filter) ? this.#groups.get(filter) : undefined;
      if (group !== undefined) this.#tellGroup(group);
    }
  }

  /** The members of a shared subscription, by its filter with `$share/{group}/`. */
  group(filter: string): ShareGroup | null {
    return this.#groups.get(filter) ?? null;
  }

  /** A topic by its name, which must be valid. */
  topic(name: string): RecentTopic {
    const bytes = encodeUtf8(name);
    return this.topics.lookup(bytes, 0, bytes.length);
  }

  /** A topic that the limits of this node's clients do not bind: of an event, or of a client of another node. @throws {PacketError} for what is none */
  unboundTopic(name: string | Uint8Array): RecentTopic {
    this.#unboundTopics ??= this.#table(UNBOUND_TOPICS, ANY_TOPIC);
    const bytes = typeof name === 'string' ? encodeUtf8(name) : name;
    return this.#unboundTopics.lookup(bytes, 0, bytes.length);
  }

  /** The local sessions that a message on `topic` goes to; found once and kept until a subscription changes it. */
  route(topic: RecentTopic): Route {
    const known = topic.route as Route | null;
    if (known !== null && known.stamp === this.#stamps.stamp(known.keys)) return known;
    const keys = known?.keys ?? this.#stamps.keysOf(topic.name);
    const targets: Target[] = [];
    const groups: ShareGroup[] = [];
    const build = ++this.#routesBuilt;
    this.#trie.match(topic.name, (entry) => {
      if (entry instanceof ShareGroup) groups.push(entry);
      else addTarget(targets, entry, build);
    });
    const route = new Route(targets, groups, keys, this.#stamps.stamp(keys));
    this.#cachedTargets += route.size - (known?.size ?? 0);
    if (this.#cachedTargets > MAX_CACHED_TARGETS) {
      this.topics.forgetRoutes();
      this.#unboundTopics?.forgetRoutes();
      this.#cachedTargets = route.size;
    }
    topic.route = route;
    return route;
  }

  #count(filter: string, by: 1 | -1): void {
    if (this.#interest === null) return;
    const count = (this.#filters.get(filter) ?? 0) + by;
    if (count === 0) this.#filters.delete(filter);
    else this.#filters.set(filter, count);
    if (count === 0 || (count === 1 && by === 1)) this.#interest.changed(this.name, filter, count, 0);
  }

  #tellGroup(group: ShareGroup): void {
    this.#interest?.changed(this.name, group.name, group.online, group.away);
  }

  #table(capacity: number, limits: TopicLimits): TopicTable {
    return new TopicTable(capacity, limits, (topic) => {
      this.#cachedTargets -= (topic.route as Route | null)?.size ?? 0;
    });
  }
}

/**
 * One target per session however many of its filters match, with the highest QoS of them [MQTT-3.3.4-2]: overlapping
 * subscriptions get one copy.
 */
function addTarget(targets: Target[], { session, request }: Subscription, build: number): void {
  if (session.routeBuild !== build) {
    session.routeBuild = build;
    session.routeIndex = targets.length;
    targets.push(new Target(session, request, null));
  } else targets[session.routeIndex]!.merge(request);
}

/** Of all nodes together: other nodes may name realms that this one is not configured with. */
const MAX_REALMS = 10_000;

/** The realms of a node, made when first named. Names come from the configuration, so their number is bounded. */
export class Realms {
  readonly #limits: TopicLimits;
  readonly #interest: InterestSink | null;
  readonly #realms = new Map<string, Realm>();

  /** @param interest hears of what the sessions want; null: nobody needs to know */
  constructor(limits: TopicLimits, interest: InterestSink | null) {
    this.#limits = limits;
    this.#interest = interest;
  }

  get(name: string): Realm {
    let realm = this.#realms.get(name);
    if (realm === undefined) {
      realm = new Realm(name, this.#limits, this.#interest);
      this.#realms.set(name, realm);
    }
    return realm;
  }

  /** As `get`, for one that another node names; null: there are too many. */
  admit(name: string): Realm | null {
    return this.#realms.has(name) || this.#realms.size < MAX_REALMS ? this.get(name) : null;
  }

  /** The realm if it exists; for requests from outside, which must not make one. */
  find(name: string): Realm | null {
    return this.#realms.get(name) ?? null;
  }

  /** Of all realms together. */
  get subscriptions(): number {
    let count = 0;
    for (const realm of this.#realms.values()) count += realm.subscriptions;
    return count;
  }

  all(): Iterable<Realm> {
    return this.#realms.values();
  }
}
