import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { UuidV7 } from '../lib/uuid.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Gatekeeper } from '../peer/link-ports.ts';
import type { StoreInfo } from '../store/reads.ts';
import type { LocalStore, Store, StoreStatus, Stores } from '../store/store.ts';
import { RemoteRoute } from './remote-route.ts';
import { RemoteStore } from './remote-store.ts';
import { type KnownStore, StoreDirectory, workersGroup } from './store-directory.ts';
import { type StoreLinkPool, StoreLinks } from './store-links.ts';
import { listStores, type StoreListing } from './store-listing.ts';
import type { HeldStore, HeldStores } from './store-server.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/** The stores of this node: `NodeStores`. */
export interface LocalStores extends HeldStores {
  list(): readonly (LocalStore & HeldStore)[];
  held(name: string, realm: string): LocalStore & HeldStore;
  /** @param realm null: whatever realm. @returns null: this node has none */
  find(name: string, realm: string | null): (LocalStore & HeldStore) | null;
}

export interface ClusterStoresOptions {
  readonly nodeId: string;
  /** Those of this node, with the same registry. Started before, stopped after. */
  readonly local: LocalStores;
  readonly registry: WorkerRegistry;
  readonly pool: StoreLinkPool;
  readonly gatekeeper: Gatekeeper;
  /** Where a node is; null: it is not known, or not up. */
  readonly target: (nodeId: string) => PeerTarget | null;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/**
 * All stores of the cluster, from any node: those that are open here, and through links those that others have. What of a store is here is
 * used here.
 */
export class ClusterStores implements Stores, LifecyclePart {
  readonly #options: ClusterStoresOptions;
  readonly #directory: StoreDirectory;
  readonly #links: StoreLinks;
  readonly #ids: UuidV7;
  readonly #remote = new Map<string, RemoteStore>();
  readonly #routes = new Map<string, RemoteRoute>();
  readonly #watchers = new Set<(store: Store) => void>();
  #stopWatching: (() => void) | null = null;

  constructor(options: ClusterStoresOptions) {
    const { registry, log, pool, gatekeeper, target, clock, local } = options;
    this.#options = options;
    this.#directory = new StoreDirectory(registry, log);
    this.#links = new StoreLinks({ pool, gatekeeper, target, stores: local, clock, log });
    this.#ids = new UuidV7(() => clock.wallMs());
  }

  /** Those of this node, whether or not they are served. */
  list(): readonly LocalStore[] {
    return this.#options.local.list();
  }

  /**
   * @throws {PlexusError} store_not_found: nobody ever had it, as far as is known here; store_unavailable: nobody has it now, or, of
   * one that is open here, another by the same name is served and cannot be reached
   */
  get(name: string, realm: string | null): Store {
    const local = this.#options.local.find(name, realm);
    if (local !== null && this.serves(local)) return local;
    const known = this.#directory.find(name, local?.realm ?? realm);
    if (known === null) throw new PlexusError('store_not_found', { store: name });
    if (known.holders.length === 0) {
      throw new PlexusError('store_unavailable', { store: name, reason: 'no node has it open' });
    }
    return this.#remoteOf(known);
  }

  /** Every store of the cluster, by realm and name. Nodes that do not answer within two seconds are shown as not healthy. */
  listing(): Promise<StoreListing[]> {
    const { local, nodeId, clock, registry } = this.#options;
    return listStores({
      known: this.#directory.all(),
      nodeId,
      clock,
      workers: (realm, name) => registry.members(workersGroup(realm, name)),
      ask: async (store, holder) => {
        if (holder === nodeId) {
          const held = local.held(store.name, store.realm);
          return { status: held.status(), info: await held.read('storeInfo', {}) };
        }
        return this.#ask(store, holder);
      },
    });
  }

  /** Whether a store of this node is the one of its name that is served. */
  serves({ realm, name, id }: LocalStore): boolean {
    return !this.#directory.isRefused(realm, name, id);
  }

  /** Stores that are not served because another of the same name is. */
  get conflicts(): number {
    return this.#directory.conflicts;
  }

  /** Consumers and readers of this node that are open at stores of others. */
  get streams(): number {
    return this.#links.streams;
  }

  /**
   * Hears of every store of the cluster that is not of this node, of those known already too; each once. What it is given stays the
   * same while nodes that have it come and go.
   * @returns how to stop
   */
  watchRemote(listener: (store: Store) => void): () => void {
    this.#watchers.add(listener);
    for (const store of this.#remote.values()) listener(store);
    return () => void this.#watchers.delete(listener);
  }

  start(): void {
    this.#links.start();
    this.#stopWatching = this.#directory.watch((known) => this.#changed(known));
    this.#directory.start();
  }

  stop(): void {
    this.#stopWatching?.();
    this.#directory.stop();
    this.#links.stop();
  }

  #changed(known: KnownStore): void {
    if (known.holders.some(({ nodeId, uuid }) => nodeId !== this.#options.nodeId && uuid === known.uuid))
      this.#remoteOf(known);
  }

  #remoteOf(known: KnownStore): RemoteStore {
    const key = keyOf(known);
    let store = this.#remote.get(key);
    if (store === undefined) {
      store = new RemoteStore({ route: this.#routeOf(known), ids: this.#ids, log: this.#options.log });
      this.#remote.set(key, store);
      for (const watcher of [...this.#watchers]) watcher(store);
    }
    return store;
  }

  #routeOf(known: KnownStore): RemoteRoute {
    const key = keyOf(known);
    let route = this.#routes.get(key);
    if (route === undefined) {
      const { realm, name } = known;
      route = new RemoteRoute({
        realm,
        name,
        uuid: () => this.#directory.find(name, realm)!.uuid,
        registry: this.#options.registry,
        caller: (nodeId, store) => this.#links.caller(nodeId, store),
        clock: this.#options.clock,
        random: this.#options.random,
      });
      this.#routes.set(key, route);
    }
    return route;
  }

  async #ask(known: KnownStore, nodeId: string): Promise<{ status: StoreStatus; info: StoreInfo }> {
    const asked = { op: 'status', name: '', value: null, bytes: null } as const;
    return (await this.#routeOf(known).callNode(nodeId, asked)) as { status: StoreStatus; info: StoreInfo };
  }
}

// No name holds a control character.
const keyOf = ({ realm, name }: KnownStore): string => `${realm}\0${name}`;
