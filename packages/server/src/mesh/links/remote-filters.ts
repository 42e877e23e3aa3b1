import { InterestStamps, type StampKeys, SubscriptionTrie, TrieEntry } from '@plexus/protocol';
import type { RemoteFilters } from '../ports.ts';

/** Matches kept per realm; past it they are forgotten and found again. */
const MAX_MATCHES = 8192;
const NOBODY: readonly string[] = [];

/** A filter of one peer. */
export class RemoteFilter extends TrieEntry {
  readonly peerId: string;

  constructor(peerId: string) {
    super();
    this.peerId = peerId;
  }
}

/** One trie for all peers: there may be thousands, and each may want little. */
class RealmFilters {
  readonly trie = new SubscriptionTrie<RemoteFilter>();
  readonly stamps = new InterestStamps();
  readonly matches = new Map<string, { readonly stamp: number; readonly peers: readonly string[] }>();
}

/** The filters of all peers by realm. A filter has one key path, so each peer has each filter at most once. */
export class FilterTable implements RemoteFilters {
  readonly #realms = new Map<string, RealmFilters>();
  #size = 0;

  /** Filters of all peers in all realms. */
  get size(): number {
    return this.#size;
  }

  stamp(realm: string, keys: StampKeys): number {
    return this.#realms.get(realm)?.stamps.stamp(keys) ?? 0;
  }

  match(realm: string, topic: string): readonly string[] {
    const known = this.#realms.get(realm);
    if (known === undefined) return NOBODY;
    const { trie, stamps, matches } = known;
    const stamp = stamps.stamp(stamps.keysOf(topic));
    const kept = matches.get(topic);
    if (kept !== undefined && kept.stamp === stamp) return kept.peers;
    const found = new Set<string>();
    trie.match(topic, ({ peerId }) => found.add(peerId));
    const peers = found.size === 0 ? NOBODY : [...found];
    if (matches.size >= MAX_MATCHES) matches.clear();
    matches.set(topic, { stamp, peers });
    return peers;
  }

  /** @returns what `remove` wants */
  add(realm: string, peerId: string, filter: string): RemoteFilter {
    let known = this.#realms.get(realm);
    if (known === undefined) {
      known = new RealmFilters();
      this.#realms.set(realm, known);
    }
    const entry = new RemoteFilter(peerId);
    known.trie.add(filter, entry);
    known.stamps.changed(filter);
    this.#size++;
    return entry;
  }

  remove(realm: string, filter: string, entry: RemoteFilter): void {
    // The stamps stay: they may not fall back.
    const known = this.#realms.get(realm)!;
    known.trie.remove(entry);
    known.stamps.changed(filter);
    this.#size--;
  }
}
