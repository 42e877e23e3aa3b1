import type { Realms } from '../broker/realm.ts';
import { parseShare } from '../broker/share-group.ts';
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
    const { realm, filter } = partsOf(key);
    if (!filter.startsWith(STORE_PREFIX)) return;
    let known = this.#known.get(nodeId);
    if (known === undefined) {
      known = new Set();
      this.#known.set(nodeId, known);
    }
    if (known.has(key)) return;
    known.add(key);
    this.#realms.get(realm).storeInterest.add(filter);
  }

  onGone(nodeId: string, key: string): void {
    if (this.#known.get(nodeId)?.delete(key) === true) this.#remove(key);
  }

  onPurged(nodeId: string): void {
    for (const key of this.#known.get(nodeId) ?? []) this.#remove(key);
    this.#known.delete(nodeId);
  }

  #remove(key: string): void {
    const { realm, filter } = partsOf(key);
    this.#realms.get(realm).storeInterest.remove(filter);
  }
}

function partsOf(key: string): { realm: string; filter: string } {
  const end = key.indexOf('\0');
  const filter = key.slice(end + 1);
  return { realm: key.slice(0, end), filter: parseShare(filter)?.filter ?? filter };
}
