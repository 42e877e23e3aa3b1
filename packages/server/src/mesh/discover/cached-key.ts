import type { Timer } from '../../lib/clock.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import type { RecencyList, Recent } from '../../peer/recency-list.ts';
import type { Found, MeshKey } from '../ports.ts';
import type { Query } from './query.ts';
import type { WrongPeers } from './wrong-peers.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** What is known of one key, and what is to become of it. Times are those of the clock; `CachedLookups` sets them. */
export class CachedKey implements Recent<CachedKey> {
  readonly id: string;
  readonly key: MeshKey;
  /** Until then nobody waits; for ever while an answer is being refreshed, or waits for its turn. */
  completeUntil = 0;
  /** The last answer is good until then, whatever happens. 0: there was none. */
  validUntil = 0;
  /** From then on it is refreshed, if it is used. */
  dueAt = NEVER;
  /** It is thrown away then, if nobody has used it. */
  forgetAt = NEVER;
  answeredAt = 0;
  /** Since the last query began. */
  isUsed = false;
  usedAt = 0;
  /** Queries that failed in a row. */
  failures = 0;
  query: Query | null = null;
  /** A renewal comes after the query that is in flight. */
  isRenewBehind = false;
  /** When the last renewal began. */
  renewedAt = -NEVER;
  /** Until `dueAt`, then until `forgetAt`. */
  timer: Timer | null = null;
  /** A renewal that was put off. */
  renewTimer: Timer | null = null;

  /** The list in which it stands. */
  list: RecencyList<CachedKey> | null = null;
  older: CachedKey | null = null;
  newer: CachedKey | null = null;
  inList = false;

  /** By peer id; those found last are last. */
  readonly #targets = new Map<string, PeerTarget>();
  #shown: ReadonlyMap<string, PeerTarget> | null = null;
  #shownStamp = -1;

  constructor(id: string, key: MeshKey) {
    this.id = id;
    this.key = key;
  }

  /** Somebody waits, or has asked for it: it is kept before others. */
  get isPending(): boolean {
    return this.query !== null || this.renewTimer !== null;
  }

  /** Targets that are kept, those that were wrong lately too. */
  get size(): number {
    return this.#targets.size;
  }

  /** What callers see: a snapshot, the same one until something changes. */
  shown(wrong: WrongPeers, isComplete: boolean): Found {
    wrong.prune();
    if (this.#shown === null || this.#shownStamp !== wrong.stamp) {
      const shown = new Map<string, PeerTarget>();
      for (const [peerId, target] of this.#targets) if (!wrong.has(peerId)) shown.set(peerId, target);
      this.#shown = shown;
      this.#shownStamp = wrong.stamp;
    }
    return { targets: this.#shown, isComplete };
  }

  /**
   * A query has found somebody. Beyond `most` those go first that it has not found.
   * @returns `again`: this query has found it before, under the key of another epoch; `full`: it has found as many as are kept
   */
  add(peerId: string, target: PeerTarget, found: Set<string>, most: number): 'added' | 'again' | 'full' {
    if (found.has(peerId)) return 'again';
    if (found.size >= most) return 'full';
    found.add(peerId);
    this.#targets.delete(peerId);
    this.#targets.set(peerId, target);
    if (this.#targets.size > most) this.#targets.delete(this.#targets.keys().next().value!);
    this.#shown = null;
    return 'added';
  }

  /** The query has come to its end: who was not found again is not there any more. */
  keepOnly(found: ReadonlySet<string>): void {
    if (found.size === this.#targets.size) return;
    for (const peerId of this.#targets.keys()) if (!found.has(peerId)) this.#targets.delete(peerId);
    this.#shown = null;
  }

  cancelTimers(): void {
    this.timer?.cancel();
    this.timer = null;
    this.renewTimer?.cancel();
    this.renewTimer = null;
  }
}
