import type { Realms } from '../broker/realm.ts';
import { parseInterestKey } from '../cluster/interest-keys.ts';
import type { TableWatcher } from '../cluster/ports.ts';

const STORE_PREFIX = '$store/';

/** Filters of other nodes on the events of stores, so that a store that nobody listens to costs nothing, wherever that somebody is. */
export class StoreInterest implements TableWatcher {
  readonly #realms: Realms;
  /** By node: the keys that count. */
  readonly #known = new Map<string, Set<string>>();

  constructor(realms: Realms) {
    this.#realms = realms;
  }

  onEntry(nodeId: string, key: string): void {
    const parsed = parseInterestKey(key);
    if (parsed === null || !parsed.filter.startsWith(STORE_PREFIX)) return;
    const realm = this.#realms.admit(parsed.realm);
    if (realm === null) return;
    let known = this.#known.get(nodeId);
    if (known === undefined) {
      known = new Set();
      this.#known.set(nodeId, known);
    }
    if (known.has(key)) return;
    known.add(key);
    realm.storeInterest.add(parsed.filter);
  }

  onGone(nodeId: string, key: string): void {
    if (this.#known.get(nodeId)?.delete(key) === true) this.#remove(key);
  }

  onPurged(nodeId: string): void {
    for (const key of this.#known.get(nodeId) ?? []) this.#remove(key);
    this.#known.delete(nodeId);
  }

  #remove(key: string): void {
    const { realm, filter } = parseInterestKey(key)!;
    this.#realms.get(realm).storeInterest.remove(filter);
  }
}
