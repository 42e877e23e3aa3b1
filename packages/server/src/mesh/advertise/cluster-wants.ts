import { topicFilterProblem } from '@plexus/protocol';
import { pathOfFilter, plainFilter, takesPart } from '../key-paths.ts';
import type { ClusterForMesh, KeyPath, Wants } from '../ports.ts';

/** Other nodes of the cluster may allow longer filters than this one: only what no node may have is refused. */
const ANY_LIMITS = { maxTopicBytes: 65_535, maxTopicLevels: 65_535 };

export interface ClusterWantsSetup {
  /** null: the node is in none */
  readonly cluster: Pick<ClusterForMesh, 'watchInterest'> | null;
  /** Asked when a realm is first heard of, and after each `realmChanged`. */
  isFederated(realm: string): boolean;
}

/** What one node wants, as it said: filters by realm, with `$share/{group}/` where they are shared. */
class NodeFilters {
  readonly realms = new Map<string, Set<string>>();

  /** @returns whether it was not there */
  add(realm: string, filter: string): boolean {
    const filters = this.realms.get(realm);
    if (filters === undefined) this.realms.set(realm, new Set([filter]));
    else if (filters.has(filter)) return false;
    else filters.add(filter);
    return true;
  }

  /** @returns whether it was there */
  delete(realm: string, filter: string): boolean {
    const filters = this.realms.get(realm);
    if (filters === undefined || !filters.delete(filter)) return false;
    if (filters.size === 0) this.realms.delete(realm);
    return true;
  }
}

/** Of a federated realm: how many nodes and shares want each filter, by key. */
type Counts = Map<KeyPath, Map<string, number>>;

/**
 * What all nodes of the cluster want together. A filter counts once for each node that has it, and once more for each share of it.
 *
 * It has no bound of its own: it is a copy of what the broker holds of this node and the cluster's tables of the others, and those are
 * bounded. The copy includes realms that are not federated now, because they may be later.
 */
export class ClusterWants implements Wants {
  listener: Wants['listener'] = null;
  readonly #isFederated: (realm: string) => boolean;
  readonly #local = new NodeFilters();
  readonly #others = new Map<string, NodeFilters>();
  readonly #counts = new Map<string, Counts>();

  constructor({ cluster, isFederated }: ClusterWantsSetup) {
    this.#isFederated = isFederated;
    cluster?.watchInterest({
      onEntry: (nodeId, key) => this.#onEntry(nodeId, key),
      onGone: (nodeId, key) => this.#onGone(nodeId, key),
      onPurged: (nodeId) => this.#onPurged(nodeId),
    });
  }

  filters(realm: string, path: KeyPath): readonly string[] {
    return [...(this.#counts.get(realm)?.get(path)?.keys() ?? [])];
  }

  paths(realm: string): Iterable<KeyPath> {
    return this.#counts.get(realm)?.keys() ?? [];
  }

  /** This node has come to want a filter, or no longer does. @param filter with `$share/{group}/` where it is shared */
  setLocal(realm: string, filter: string, isWanted: boolean): void {
    if (isWanted) this.#add(this.#local, realm, filter);
    else this.#remove(this.#local, realm, filter);
  }

  /** The realm is federated now, or no longer is: what is wanted in it comes or goes. */
  realmChanged(realm: string): void {
    const counts = this.#counts.get(realm);
    if (this.#isFederated(realm)) {
      if (counts === undefined) this.#open(realm);
    } else if (counts !== undefined) {
      this.#counts.delete(realm);
      for (const [path, filters] of counts) {
        this.listener?.onPath(realm, path, false);
        for (const filter of filters.keys()) this.listener?.onFilter(realm, path, filter, false);
      }
    }
  }

  #onEntry(nodeId: string, key: string): void {
    const [realm, filter] = splitKey(key);
    if (topicFilterProblem(filter, ANY_LIMITS) !== null || !takesPart(filter)) return;
    let node = this.#others.get(nodeId);
    if (node === undefined) {
      node = new NodeFilters();
      this.#others.set(nodeId, node);
    }
    this.#add(node, realm, filter);
  }

  #onGone(nodeId: string, key: string): void {
    const node = this.#others.get(nodeId);
    if (node === undefined) return;
    const [realm, filter] = splitKey(key);
    this.#remove(node, realm, filter);
    if (node.realms.size === 0) this.#others.delete(nodeId);
  }

  #onPurged(nodeId: string): void {
    const node = this.#others.get(nodeId);
    if (node === undefined) return;
    this.#others.delete(nodeId);
    for (const [realm, filters] of node.realms) {
      if (this.#counts.has(realm)) for (const filter of filters) this.#decrement(realm, filter);
    }
  }

  #add(node: NodeFilters, realm: string, filter: string): void {
    if (!takesPart(filter) || !node.add(realm, filter)) return;
    const counts = this.#counts.get(realm);
    if (counts !== undefined) this.#increment(realm, counts, filter);
    else if (this.#isFederated(realm)) this.#open(realm);
  }

  #remove(node: NodeFilters, realm: string, filter: string): void {
    if (node.delete(realm, filter) && this.#counts.has(realm)) this.#decrement(realm, filter);
  }

  /** Counts what every node has in the realm. */
  #open(realm: string): void {
    const counts: Counts = new Map();
    this.#counts.set(realm, counts);
    for (const { realms } of [this.#local, ...this.#others.values()]) {
      for (const filter of realms.get(realm) ?? []) this.#increment(realm, counts, filter);
    }
  }

  #increment(realm: string, counts: Counts, filter: string): void {
    const plain = plainFilter(filter);
    const path = pathOfFilter(plain);
    const filters = counts.get(path);
    const count = filters?.get(plain) ?? 0;
    if (filters === undefined) counts.set(path, new Map([[plain, 1]]));
    else filters.set(plain, count + 1);
    if (count === 0) this.listener?.onFilter(realm, path, plain, true);
    if (filters === undefined) this.listener?.onPath(realm, path, true);
  }

  #decrement(realm: string, filter: string): void {
    const plain = plainFilter(filter);
    const path = pathOfFilter(plain);
    const counts = this.#counts.get(realm)!;
    const filters = counts.get(path)!;
    const count = filters.get(plain)!;
    if (count > 1) {
      filters.set(plain, count - 1);
      return;
    }
    filters.delete(plain);
    if (filters.size === 0) {
      counts.delete(path);
      this.listener?.onPath(realm, path, false);
    }
    this.listener?.onFilter(realm, path, plain, false);
  }
}

/** Keys of the cluster's table of interest: `{realm} NUL {filter}`. */
function splitKey(key: string): readonly [realm: string, filter: string] {
  const realmEnd = key.indexOf('\0');
  return [key.slice(0, Math.max(realmEnd, 0)), key.slice(realmEnd + 1)];
}
