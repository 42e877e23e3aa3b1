import { PlexusError } from '@plexus/protocol';
import type { StoreConfig } from '../config/stores.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { UuidV7 } from '../lib/uuid.ts';
import type { Stores } from '../store/store.ts';
import { STORES_GROUP, storeMember, workersGroup } from './store-directory.ts';
import { makeDirectoryOf, storeFile } from './store-file.ts';
import { StoreHandle } from './store-handle.ts';
import type { HeldStores } from './store-server.ts';
import { ThreadEngine } from './thread-engine.ts';
import type { WorkerRegistry } from './worker-registry.ts';

export interface NodeStoresOptions {
  readonly stores: readonly StoreConfig[];
  readonly dataDir: string;
  readonly nodeId: string;
  /** Most threads of all stores together. */
  readonly threads: number;
  /** Of stores that have no bound of their own. */
  readonly queueBytes: number;
  readonly registry: WorkerRegistry;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

const MIB = 1024 * 1024;
/**
 * Bytes of the page caches of a node: all of them together, and the most and the least of one. A writer comes back to the ends of
 * the streams that grow and to little else, a reader to the upper levels of the tables: pages beyond that would be memory that is
 * written once, and the system has them too.
 */
const WRITERS = { all: 512 * MIB, most: 64 * MIB, least: 8 * MIB };
const READERS = { all: 256 * MIB, most: 16 * MIB, least: 4 * MIB };

/** @param count of those that share */
const share = ({ all, most, least }: typeof WRITERS, count: number): number =>
  Math.floor(Math.max(Math.min(all / count, most), least));

/** How often others hear how much the workers have to do, where that has changed. */
const TELL_LOAD_MS = 1000;

/** All stores of a node: a part of it that starts before whatever uses stores, and ends after. */
export class NodeStores implements Stores, HeldStores, LifecyclePart {
  readonly #options: NodeStoresOptions;
  readonly #pool: ThreadPool;
  /** One thread, beside those that `threads` bounds: it is there once a store is written to much, and mostly waits for the disk. */
  readonly #movers = new ThreadPool(1);
  readonly #ids: UuidV7;
  #stores = new Map<string, StoreHandle>();
  #telling: Timer | null = null;
  /** Of all stores. */
  readonly #readers: number;

  constructor(options: NodeStoresOptions) {
    this.#options = options;
    this.#readers = options.stores.reduce((sum, { readers }) => sum + readers, 0);
    this.#pool = new ThreadPool(options.threads);
    this.#ids = new UuidV7(() => options.clock.wallMs());
  }

  list(): readonly StoreHandle[] {
    return [...this.#stores.values()];
  }

  get(name: string, realm: string | null): StoreHandle {
    const store = this.find(name, realm);
    if (store === null) throw new PlexusError('store_not_found', { store: name });
    return store;
  }

  held(name: string, realm: string): StoreHandle {
    return this.get(name, realm);
  }

  /** @param realm null: whatever realm. @returns null: this node has none */
  find(name: string, realm: string | null): StoreHandle | null {
    const store = this.#stores.get(name);
    return store !== undefined && (realm === null || store.realm === realm) ? store : null;
  }

  /**
   * Opens every store, or none.
   * @throws {PlexusError} of the first store that cannot be opened: store_locked, store_damaged, store_newer, store_full,
   * store_unavailable
   */
  async start(): Promise<void> {
    const opening = await Promise.allSettled(this.#options.stores.map((config) => this.#open(config)));
    for (const result of opening) if (result.status === 'fulfilled') this.#stores.set(result.value.name, result.value);
    const failed = opening.find((result) => result.status === 'rejected');
    if (failed === undefined) {
      const tell = (): void => {
        for (const store of this.#stores.values()) store.announce();
      };
      this.#telling = this.#options.clock.setInterval(tell, TELL_LOAD_MS);
      return;
    }
    await this.stop();
    throw failed.reason;
  }

  /** Finishes what was accepted, and closes the files. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#telling?.cancel();
    await Promise.all([...this.#stores.values()].map((store) => this.#close(store, deadline)));
  }

  async stop(): Promise<void> {
    await this.drain(AbortSignal.abort());
    await Promise.all([this.#pool.close(), this.#movers.close()]);
  }

  /** Others are told first, so that they do not ask for what is closing. */
  async #close(store: StoreHandle, deadline: AbortSignal): Promise<void> {
    const { registry, nodeId } = this.#options;
    await registry.leave(STORES_GROUP, storeMember(nodeId, store.realm, store.name, store.id, 0).id).catch(() => {});
    await store.close(deadline);
  }

  async #open({ name, realm, readers, timeoutMs, queueBytes }: StoreConfig): Promise<StoreHandle> {
    const { dataDir, nodeId, registry, clock, random, log } = this.#options;
    const file = storeFile(dataDir, realm, name);
    makeDirectoryOf(file);
    let facts: { store: string; joined: number } | null = null;
    const engine = await ThreadEngine.open({
      store: name,
      file,
      group: workersGroup(realm, name),
      facts: () => facts,
      nodeId,
      pool: this.#pool,
      movers: this.#movers,
      registry,
      clock,
      random,
      log,
      ids: this.#ids,
      readers,
      timeoutMs,
      cacheBytes: {
        writer: share(WRITERS, this.#options.stores.length),
        reader: share(READERS, this.#readers),
      },
      queueBytes: queueBytes ?? this.#options.queueBytes,
    });
    const store = await StoreHandle.open({ name, realm, engine, clock, log });
    facts = { store: store.id, joined: clock.wallMs() };
    store.announce();
    // Nobody waits for a cluster to hear of it.
    registry
      .join(STORES_GROUP, storeMember(nodeId, realm, name, store.id, facts.joined))
      .catch((error: unknown) =>
        log.error({ err: error, store: name, event: 'store_registry_failed' }, 'the registry did not take a store'),
      );
    return store;
  }
}
