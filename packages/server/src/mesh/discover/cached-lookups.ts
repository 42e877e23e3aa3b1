import type { Clock } from '../../lib/clock.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import type { Directory } from '../../peer/directory.ts';
import { RecencyList } from '../../peer/recency-list.ts';
import type { DirectoryKeysOf, Found, Lookups, MeshKey, PendingQuery } from '../ports.ts';
import { CachedKey } from './cached-key.ts';
import { CoveredTurns } from './covered-turns.ts';
import { LOOKUP_DEFAULTS, LookupCounters, type LookupOptions } from './lookup-options.ts';
import { Query, type QueryCause, type QueryOutcome } from './query.ts';
import { QueryQueue } from './query-queue.ts';
import { WrongPeers } from './wrong-peers.ts';

/** What `CachedLookups` needs of others. */
export interface LookupParts {
  readonly directory: Directory;
  readonly keysOf: DirectoryKeysOf;
  /** This node can be found as publisher under the realm and path of a key: new subscribers tell us by themselves, so looking is not urgent. */
  readonly covered: (key: MeshKey) => boolean;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
}

const NEVER = Number.POSITIVE_INFINITY;
const NO_TARGETS: ReadonlyMap<string, PeerTarget> = new Map();
/** This node takes no part in the realm. */
const NOBODY: Found = { targets: NO_TARGETS, isComplete: true };

/**
 * Lookups from a bounded cache. What is in use is refreshed in the background before it expires, and stays in use until the new answer is
 * there, so only the first message on a topic waits. With a directory out of reach, what was found stays, and is asked for again
 * less and less often.
 *
 * Covered keys are refreshed at a rate that all of them share: that is what keeps many topics from becoming many queries.
 */
export class CachedLookups implements Lookups {
  onFound: ((key: MeshKey, target: PeerTarget) => void) | null = null;
  onEnd: ((key: MeshKey, failed: boolean) => void) | null = null;
  /** The directory answers again. */
  onReachable: (() => void) | null = null;
  readonly counters = new LookupCounters();

  readonly #covered: (key: MeshKey) => boolean;
  readonly #keysOf: DirectoryKeysOf;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #options: LookupOptions;
  readonly #entries = new Map<string, CachedKey>();
  readonly #idle = new RecencyList<CachedKey>();
  readonly #pending = new RecencyList<CachedKey>();
  readonly #turns: CoveredTurns;
  /** Entries by their queries: a query knows only its key. */
  readonly #asking = new Map<Query, CachedKey>();
  readonly #queries: QueryQueue;
  readonly #wrong: WrongPeers;
  /** Queries in a row that nobody has answered. */
  #unanswered = 0;
  #isStopped = false;

  constructor({ directory, keysOf, covered, clock, random }: LookupParts, options: Partial<LookupOptions> = {}) {
    this.#covered = covered;
    this.#keysOf = keysOf;
    this.#clock = clock;
    this.#random = random;
    this.#options = { ...LOOKUP_DEFAULTS, ...options };
    this.#turns = new CoveredTurns(clock, this.#options.coveredRatePerS, (entry) => this.#ask(entry, 'refresh'));
    this.#wrong = new WrongPeers(clock, this.#options.wrongForMs, this.#options.maxWrongPeers);
    this.#queries = new QueryQueue(directory, keysOf, clock, this.#options, {
      onBegun: (query) => this.#onBegun(query),
      onFound: (query, target) => this.#onQueryFound(query, target),
      onEnd: (query, outcome) => this.#onQueryEnd(query, outcome),
    });
  }

  /** Keys of which something is known, or asked. */
  get size(): number {
    return this.#entries.size;
  }

  get runningQueries(): number {
    return this.#queries.running;
  }

  get waitingQueries(): number {
    return this.#queries.waiting;
  }

  get wrongPeers(): number {
    return this.#wrong.size;
  }

  /** Wrong peers that were given another chance early, for want of room. */
  get forgottenWrongPeers(): number {
    return this.#wrong.forgotten;
  }

  /** The last queries have all failed, and nobody of the directory has answered any. */
  get isOutOfReach(): boolean {
    return this.#unanswered >= this.#options.outOfReachAfter;
  }

  get(key: MeshKey): Found {
    if (this.#isStopped) return NOBODY;
    const id = idOf(key);
    const known = this.#entries.get(id);
    const isComplete = known !== undefined && this.#isComplete(known);
    if (!isComplete && (known === undefined || known.query === null) && this.#keysOf(key).length === 0) {
      if (known !== undefined) this.#drop(known);
      return NOBODY;
    }
    const entry = known ?? this.#enter(id, key);
    entry.isUsed = true;
    entry.usedAt = this.#clock.now();
    if (isComplete) {
      this.counters.hits++;
      this.#refreshIfDue(entry);
    } else {
      this.counters.misses++;
      if (entry.query === null) this.#ask(entry, 'first');
    }
    this.#touch(entry);
    return entry.shown(this.#wrong, isComplete);
  }

  peek(key: MeshKey): Found | null {
    const entry = this.#entries.get(idOf(key));
    return entry === undefined ? null : entry.shown(this.#wrong, this.#isComplete(entry));
  }

  /** Does nothing while this node takes no part in the realm. */
  renew(key: MeshKey): void {
    if (this.#isStopped || this.#keysOf(key).length === 0) return;
    const id = idOf(key);
    const entry = this.#entries.get(id) ?? this.#enter(id, key);
    const { query } = entry;
    if (query === null) this.#renew(entry);
    else if (query.begunAt === null) this.#queries.promote(query);
    else entry.isRenewBehind = true;
  }

  /** A query that was begun for `get` alone is given up and forgotten; others go on. */
  cancel(key: MeshKey): void {
    const entry = this.#entries.get(idOf(key));
    if (entry === undefined || entry.query?.cause !== 'first') return;
    if (!entry.isRenewBehind) {
      this.#drop(entry);
      return;
    }
    this.#giveUp(entry);
    this.#renew(entry);
  }

  forget(key: MeshKey): void {
    const entry = this.#entries.get(idOf(key));
    if (entry === undefined) return;
    if (entry.query === null && !entry.isRenewBehind) this.#drop(entry);
    else entry.completeUntil = Math.min(entry.completeUntil, this.#clock.now());
  }

  wasWrong(peerId: string): void {
    this.#wrong.add(peerId);
  }

  wasRight(peerId: string): void {
    this.#wrong.remove(peerId);
  }

  forgive(): void {
    this.#wrong.clear();
  }

  pending(): readonly PendingQuery[] {
    return this.#queries.list();
  }

  /** Gives up all queries, and forgets everything. */
  stop(): void {
    this.#isStopped = true;
    this.#turns.stop();
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
  }

  // ---- entries

  #isComplete(entry: CachedKey): boolean {
    const now = this.#clock.now();
    if (now < entry.validUntil || now >= entry.completeUntil) return now < entry.completeUntil;
    // It has lasted because it was covered or used all the time. Since when it is neither, nobody knows.
    const isKept = entry.validUntil === 0 || now - entry.usedAt <= this.#options.ttlMs || this.#covered(entry.key);
    if (!isKept) entry.completeUntil = now;
    return isKept;
  }

  #enter(id: string, key: MeshKey): CachedKey {
    while (this.#entries.size >= this.#options.maxKeys) this.#evict();
    // Of our own: nobody changes it, and nothing that came with it is kept.
    const entry = new CachedKey(id, { kind: key.kind, realm: key.realm, path: key.path });
    this.#entries.set(id, entry);
    return entry;
  }

  #evict(): void {
    const entry = (this.#idle.oldest ?? this.#pending.oldest)!;
    const { id, key, isPending } = entry;
    this.counters.evictions++;
    this.#drop(entry);
    if (!isPending) return;
    // Whoever waits for it hears that there is nothing to wait for; not from within the call that took its place.
    this.#clock.setImmediate(() => {
      if (!this.#entries.has(id)) this.#tellEnd(key, true);
    });
  }

  #drop(entry: CachedKey): void {
    this.#giveUp(entry);
    entry.cancelTimers();
    this.#turns.delete(entry);
    entry.list?.delete(entry);
    this.#entries.delete(entry.id);
  }

  #giveUp(entry: CachedKey): void {
    const { query } = entry;
    if (query === null) return;
    entry.query = null;
    this.#asking.delete(query);
    this.#queries.drop(query);
  }

  /** Was used just now; stands among those that are kept before others if it is pending. */
  #touch(entry: CachedKey): void {
    const list = entry.isPending ? this.#pending : this.#idle;
    if (entry.list !== list) entry.list?.delete(entry);
    entry.list = list;
    list.touch(entry);
  }

  #wakeAt(entry: CachedKey, at: number): void {
    entry.timer?.cancel();
    entry.timer = this.#clock.setTimeout(() => this.#onTime(entry), at - this.#clock.now());
  }

  #onTime(entry: CachedKey): void {
    entry.timer = null;
    if (entry.dueAt !== NEVER && entry.isUsed) this.#refresh(entry);
    else if (entry.forgetAt === entry.validUntil && this.#covered(entry.key)) this.#extend(entry);
    else if (this.#clock.now() < entry.forgetAt) this.#wakeAt(entry, entry.forgetAt);
    else if (!entry.isPending) this.#drop(entry);
  }

  // ---- when to ask

  #ask(entry: CachedKey, why: QueryCause): void {
    // Whatever was due, this is it; a renewal that was put off keeps it from being cancelled.
    const cause = entry.renewTimer === null ? why : 'renew';
    entry.cancelTimers();
    this.#turns.delete(entry);
    entry.query = new Query(entry.key, cause, this.#clock.now());
    this.#asking.set(entry.query, entry);
    this.#touch(entry);
    this.#queries.add(entry.query);
  }

  #renew(entry: CachedKey): void {
    if (entry.renewTimer !== null) return;
    entry.isRenewBehind = false;
    const waitMs = entry.renewedAt + this.#options.renewEveryMs - this.#clock.now();
    if (waitMs <= 0) {
      this.#ask(entry, 'renew');
      return;
    }
    entry.renewTimer = this.#clock.setTimeout(() => this.#ask(entry, 'renew'), waitMs);
    this.#touch(entry);
  }

  /** It is used, and complete. */
  #refreshIfDue(entry: CachedKey): void {
    if (entry.query !== null) return;
    if (this.#turns.has(entry)) {
      if (!this.#covered(entry.key)) this.#ask(entry, 'refresh');
    } else if (this.#clock.now() >= entry.dueAt) this.#refresh(entry);
  }

  /** Until the new answer is there, the old one is in use. */
  #refresh(entry: CachedKey): void {
    entry.completeUntil = NEVER;
    entry.timer?.cancel();
    entry.timer = null;
    if (this.#covered(entry.key)) this.#turns.add(entry);
    else this.#ask(entry, 'refresh');
  }

  /** Nobody uses it now; but it is covered, and so as good as new whenever somebody does. */
  #extend(entry: CachedKey): void {
    entry.completeUntil = Math.max(entry.validUntil, entry.answeredAt + this.#options.coveredIdleTtlMs);
    entry.forgetAt = entry.completeUntil;
    this.#wakeAt(entry, entry.forgetAt);
  }

  // ---- what becomes of it

  #onBegun(query: Query): void {
    const entry = this.#asking.get(query)!;
    entry.isUsed = false;
    if (query.cause === 'renew') entry.renewedAt = this.#clock.now();
    this.counters.queries[query.key.kind][query.cause]++;
  }

  #onQueryFound(query: Query, target: PeerTarget): void {
    const { peerId } = target;
    if (peerId === null) return;
    const entry = this.#asking.get(query)!;
    const added = entry.add(peerId, target, query.found, this.#options.maxTargetsPerKey);
    if (added === 'full') this.counters.refusedTargets++;
    // Publishers are looked for once, to be told: it is known for longer that they could not be, and they are dialled again for it.
    if (added !== 'added' || (entry.key.kind === 'subscriber' && this.#wrong.has(peerId))) return;
    this.onFound?.(entry.key, target);
  }

  #onQueryEnd(query: Query, outcome: QueryOutcome): void {
    const entry = this.#asking.get(query)!;
    this.#asking.delete(query);
    entry.query = null;
    const isReachable = this.#noteReach(query, outcome);
    if (outcome === 'no_keys') this.#drop(entry);
    else {
      if (outcome === 'answered') this.#answered(entry, query);
      else this.#failed(entry);
      if (entry.isRenewBehind) this.#renew(entry);
      else this.#touch(entry);
    }
    this.#tellEnd(entry.key, outcome === 'failed');
    if (isReachable && !this.#isStopped) this.onReachable?.();
  }

  #answered(entry: CachedKey, { found }: Query): void {
    const { ttlMs } = this.#options;
    const now = this.#clock.now();
    entry.keepOnly(found);
    entry.failures = 0;
    entry.answeredAt = now;
    entry.validUntil = now + ttlMs * (0.9 + 0.1 * this.#random());
    entry.completeUntil = entry.validUntil;
    entry.forgetAt = entry.validUntil;
    entry.dueAt = now + ttlMs * (0.75 + 0.1 * this.#random());
    this.#wakeAt(entry, entry.dueAt);
  }

  #failed(entry: CachedKey): void {
    const { ttlMs, failedTtlMs, failedTtlMostMs } = this.#options;
    const now = this.#clock.now();
    this.counters.failed++;
    entry.failures++;
    const againAt = now + Math.min(failedTtlMs * 2 ** (entry.failures - 1), failedTtlMostMs);
    if (entry.validUntil > 0 && now < entry.completeUntil) {
      // The old answer stays in use for as long as it is used and asked for again.
      entry.dueAt = againAt;
      entry.completeUntil = Math.max(entry.validUntil, againAt + ttlMs / 5);
      entry.forgetAt = entry.completeUntil;
      this.#wakeAt(entry, entry.dueAt);
    } else {
      // Nobody waits for a moment; then the next one who asks begins another. How often it has failed is known for longer.
      entry.validUntil = 0;
      entry.completeUntil = againAt;
      entry.dueAt = NEVER;
      entry.forgetAt = againAt + ttlMs;
      this.#wakeAt(entry, entry.forgetAt);
    }
  }

  /** @returns whether the directory answers again after having been out of reach */
  #noteReach(query: Query, outcome: QueryOutcome): boolean {
    if (query.wasTooShort || outcome === 'no_keys') return false;
    const wasOutOfReach = this.isOutOfReach;
    if (query.wasReached) this.#unanswered = 0;
    else this.#unanswered++;
    return wasOutOfReach && query.wasReached;
  }

  #tellEnd(key: MeshKey, failed: boolean): void {
    if (!this.#isStopped) this.onEnd?.(key, failed);
  }
}

function idOf({ kind, realm, path }: MeshKey): string {
  return `${kind} ${realm}\0${path}`;
}
