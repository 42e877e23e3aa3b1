import type { Logger } from '../lib/log.ts';
import type { MembershipChange, WorkerMember, WorkerRegistry } from './worker-registry.ts';

/** The group in which every node names the stores that it has open. */
export const STORES_GROUP = 'stores';

/** The group of the workers of one store. */
export const workersGroup = (realm: string, name: string): string => `store:${realm}/${name}`;

/** A node that has a store open. */
export interface StoreHolder {
  readonly nodeId: string;
  /** UUID of the store, in its file. */
  readonly uuid: string;
  /** Wall clock, milliseconds, when it opened the store. */
  readonly joined: number;
}

export interface KnownStore {
  readonly realm: string;
  readonly name: string;
  /** Nodes that have it, the one that is served first; none: nobody has it now. */
  readonly holders: readonly StoreHolder[];
  /** UUID of the store that is served, or was last; of others by the same name nothing is served. */
  readonly uuid: string;
}

/** In the directory. @returns what this node says of a store that it has open */
export function storeMember(nodeId: string, realm: string, name: string, uuid: string, joined: number): WorkerMember {
  return { id: `${nodeId}/${realm}/${name}`, nodeId, metadata: { realm, name, uuid, joined } };
}

/**
 * Which stores there are, and were, in the cluster, by what nodes say. Two stores of one name, known by their UUIDs, are a conflict: the
 * one that was opened first is served, the other is not. Names are remembered as long as the node runs.
 */
export class StoreDirectory {
  readonly #registry: WorkerRegistry;
  readonly #log: Logger;
  readonly #stores = new Map<string, KnownStore>();
  readonly #listeners = new Set<(store: KnownStore) => void>();
  #stop: (() => void) | null = null;

  constructor(registry: WorkerRegistry, log: Logger) {
    this.#registry = registry;
    this.#log = log;
  }

  start(): void {
    this.#stop ??= this.#registry.watch(STORES_GROUP, ({ member }: MembershipChange) => this.#refresh([member]));
    this.#refresh(this.#registry.members(STORES_GROUP));
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  all(): Iterable<KnownStore> {
    return this.#stores.values();
  }

  /** @param realm null: whatever realm; one that somebody has, before one that nobody has. @returns null: there never was one */
  find(name: string, realm: string | null): KnownStore | null {
    if (realm !== null) return this.#stores.get(keyOf(realm, name)) ?? null;
    const found = [...this.#stores.values()].filter((store) => store.name === name);
    return found.find(({ holders }) => holders.length > 0) ?? found[0] ?? null;
  }

  /** Whether another store of the same name is served in place of this one. */
  isRefused(realm: string, name: string, uuid: string): boolean {
    const known = this.#stores.get(keyOf(realm, name));
    return known !== undefined && known.holders.length > 0 && known.uuid !== uuid;
  }

  /** Stores that are not served because another of the same name is. */
  get conflicts(): number {
    let conflicts = 0;
    for (const store of this.#stores.values()) conflicts += othersOf(store).length;
    return conflicts;
  }

  /** Hears of every store that is new or has changed. @returns how to stop */
  watch(listener: (store: KnownStore) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #refresh(of: readonly WorkerMember[]): void {
    const changed = new Map<string, { realm: string; name: string }>();
    for (const { metadata } of of.filter(isStore)) {
      const { realm, name } = metadata as { realm: string; name: string };
      changed.set(keyOf(realm, name), { realm, name });
    }
    const members = this.#registry.members(STORES_GROUP).filter(isStore);
    for (const { realm, name } of changed.values()) this.#update(realm, name, members);
  }

  #update(realm: string, name: string, members: readonly WorkerMember[]): void {
    const holders = members
      .filter(({ metadata }) => metadata.realm === realm && metadata.name === name)
      .map(({ nodeId, metadata: { uuid, joined } }) => ({ nodeId, uuid: uuid as string, joined: joined as number }))
      .sort((a, b) => a.joined - b.joined || (a.nodeId < b.nodeId ? -1 : 1));
    const before = this.#stores.get(keyOf(realm, name));
    const uuid = holders[0]?.uuid ?? before?.uuid ?? '';
    const store: KnownStore = { realm, name, holders, uuid };
    this.#stores.set(keyOf(realm, name), store);
    const known = new Set(before === undefined ? [] : othersOf(before).map(({ nodeId }) => nodeId));
    for (const { nodeId, uuid: other } of othersOf(store)) {
      if (known.has(nodeId)) continue;
      this.#log.error(
        {
          realm,
          store: name,
          served: uuid,
          servedBy: holders[0]!.nodeId,
          refused: other,
          nodeId,
          event: 'store_conflict',
        },
        'two nodes hold different stores of one name; the one that joined later is not served',
      );
    }
    for (const listener of [...this.#listeners]) listener(store);
  }
}

/** Whether it is what this version says of a store: others may say more, or other things. */
function isStore({ metadata: { realm, name, uuid, joined } }: WorkerMember): boolean {
  const texts = [realm, name, uuid].every((text) => typeof text === 'string');
  return texts && typeof joined === 'number';
}

/** Those that hold another store than the one that is served. */
export const othersOf = ({ holders, uuid }: KnownStore): StoreHolder[] =>
  holders.filter((holder) => holder.uuid !== uuid);

// No name holds a control character.
const keyOf = (realm: string, name: string): string => `${realm}\0${name}`;
