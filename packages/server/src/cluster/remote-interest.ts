import { InterestStamps, type StampKeys, SubscriptionTrie, TrieEntry } from '@plexus/protocol';
import { type InterestKey, interestKey, parseInterestKey, parseShareValue } from './interest-keys.ts';
import type { FilterCount, RemoteInterest, RemoteRoute, RemoteShare, TableWatcher } from './ports.ts';

/** Routes kept per realm; past it they are forgotten and found again. */
const MAX_ROUTES = 8192;
const NOWHERE: RemoteRoute = { nodes: [], shares: [] };

/** A filter of a node, under what a topic has to match. */
class Wanted extends TrieEntry {
  /** null: not shared */
  readonly share: string | null;
  count: FilterCount | null;

  constructor(share: string | null, count: FilterCount | null) {
    super();
    this.share = share;
    this.count = count;
  }
}

/** What one node wants. A trie of its own per realm, so that all of it can be let go at once. */
class NodeInterest {
  readonly entries = new Map<string, Wanted>();
  readonly tries = new Map<string, SubscriptionTrie<Wanted>>();

  add(key: string, { realm, filter, share }: InterestKey, count: FilterCount | null): void {
    let trie = this.tries.get(realm);
    if (trie === undefined) {
      trie = new SubscriptionTrie();
      this.tries.set(realm, trie);
    }
    const wanted = new Wanted(share, count);
    trie.add(filter, wanted);
    this.entries.set(key, wanted);
  }

  remove(key: string, realm: string): void {
    const trie = this.tries.get(realm)!;
    trie.remove(this.entries.get(key)!);
    this.entries.delete(key);
    if (trie.size === 0) this.tries.delete(realm);
  }
}

class RealmRoutes {
  readonly stamps = new InterestStamps();
  readonly routes = new Map<string, { readonly stamp: number; readonly route: RemoteRoute }>();
}

/** What the other nodes want, from their copies of the interest table. */
export class PeerInterest implements RemoteInterest, TableWatcher {
  readonly #nodes = new Map<string, NodeInterest>();
  /** Of realms that some node has had interest in. */
  readonly #realms = new Map<string, RealmRoutes>();

  stamp(realm: string, keys: StampKeys): number {
    return this.#realms.get(realm)?.stamps.stamp(keys) ?? 0;
  }

  match(realm: string, topic: string): RemoteRoute {
    const known = this.#realms.get(realm);
    if (known === undefined) return NOWHERE;
    const { stamps, routes } = known;
    const stamp = stamps.stamp(stamps.keysOf(topic));
    const kept = routes.get(topic);
    if (kept !== undefined && kept.stamp === stamp) return kept.route;
    const route = this.#find(realm, topic);
    if (routes.size >= MAX_ROUTES) routes.clear();
    routes.set(topic, { stamp, route });
    return route;
  }

  share(realm: string, key: string): RemoteShare | null {
    const holders: RemoteShare['holders'][number][] = [];
    for (const [nodeId, { entries }] of this.#nodes) {
      const count = entries.get(interestKey(realm, key))?.count;
      if (count != null) holders.push({ nodeId, count });
    }
    return holders.length === 0 ? null : { key, holders };
  }

  /** What a node wants. The counts of filters that are not shared are not known. */
  *entries(nodeId: string): Iterable<InterestKey & { readonly count: FilterCount | null }> {
    for (const [key, { count }] of this.#nodes.get(nodeId)?.entries ?? []) yield { ...parseInterestKey(key)!, count };
  }

  filters(nodeId?: string): number {
    if (nodeId !== undefined) return this.#nodes.get(nodeId)?.entries.size ?? 0;
    let count = 0;
    for (const { entries } of this.#nodes.values()) count += entries.size;
    return count;
  }

  onEntry(nodeId: string, key: string, value: string): void {
    const parsed = parseInterestKey(key);
    if (parsed === null) return;
    const count = parsed.share === null ? null : parseShareValue(value);
    const node = this.#nodes.get(nodeId) ?? this.#addNode(nodeId);
    const wanted = node.entries.get(key);
    if (wanted === undefined) node.add(key, parsed, count);
    else wanted.count = count;
    this.#changed(parsed);
  }

  onGone(nodeId: string, key: string): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || !node.entries.has(key)) return;
    const parsed = parseInterestKey(key)!;
    node.remove(key, parsed.realm);
    this.#changed(parsed);
  }

  onPurged(nodeId: string): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    this.#nodes.delete(nodeId);
    for (const realm of node.tries.keys()) this.#realms.get(realm)!.stamps.changed('#');
  }

  #addNode(nodeId: string): NodeInterest {
    const node = new NodeInterest();
    this.#nodes.set(nodeId, node);
    return node;
  }

  #changed({ realm, filter }: InterestKey): void {
    let routes = this.#realms.get(realm);
    if (routes === undefined) {
      routes = new RealmRoutes();
      this.#realms.set(realm, routes);
    }
    routes.stamps.changed(filter);
  }

  #find(realm: string, topic: string): RemoteRoute {
    const nodes: string[] = [];
    const shares = new Map<string, RemoteShare['holders'][number][]>();
    for (const [nodeId, { tries }] of this.#nodes) {
      let isPlain = false;
      tries.get(realm)?.match(topic, ({ share, count }) => {
        if (share === null) isPlain = true;
        else addHolder(shares, share, nodeId, count!);
      });
      if (isPlain) nodes.push(nodeId);
    }
    if (nodes.length === 0 && shares.size === 0) return NOWHERE;
    return { nodes, shares: [...shares].map(([key, holders]) => ({ key, holders })) };
  }
}

function addHolder(
  shares: Map<string, RemoteShare['holders'][number][]>,
  key: string,
  nodeId: string,
  count: FilterCount,
): void {
  const holders = shares.get(key);
  if (holders === undefined) shares.set(key, [{ nodeId, count }]);
  else holders.push({ nodeId, count });
}
