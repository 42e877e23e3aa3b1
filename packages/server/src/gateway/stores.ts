import { PlexusError } from '@plexus/protocol';
import type { StoreConfig } from '../config/stores.ts';
import type { Clock } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { UuidV7 } from '../lib/uuid.ts';
import type { Store, Stores } from '../store/store.ts';
import { makeDirectoryOf, storeFile } from './store-file.ts';
import { StoreHandle } from './store-handle.ts';
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
/** Bytes of the page caches of a node: all of them together, and the most and the least of one. */
const WRITERS = { all: 1024 * MIB, most: 256 * MIB, least: 8 * MIB };
const READERS = { all: 512 * MIB, most: 64 * MIB, least: 4 * MIB };

/** @param count of those that share */
const share = ({ all, most, least }: typeof WRITERS, count: number): number =>
  Math.floor(Math.max(Math.min(all / count, most), least));

/** All stores of a node: a part of it that starts before whatever uses stores, and ends after. */
export class NodeStores implements Stores, LifecyclePart {
  readonly #options: NodeStoresOptions;
  readonly #pool: ThreadPool;
  readonly #ids: UuidV7;
  #stores = new Map<string, StoreHandle>();
  /** Of all stores. */
  readonly #readers: number;

  constructor(options: NodeStoresOptions) {
    this.#options = options;
    this.#readers = options.stores.reduce((sum, { readers }) => sum + readers, 0);
    this.#pool = new ThreadPool(options.threads);
    this.#ids = new UuidV7(() => options.clock.wallMs());
  }

  list(): readonly Store[] {
    return [...this.#stores.values()];
  }

  get(name: string, realm: string | null): Store {
    const store = this.#stores.get(name);
    if (store !== undefined && (realm === null || store.realm === realm)) return store;
    throw new PlexusError('store_not_found', { store: name });
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
    if (failed === undefined) return;
    await this.stop();
    throw failed.reason;
  }

  /** Finishes what was accepted, and closes the files. */
  async drain(deadline: AbortSignal): Promise<void> {
    await Promise.all([...this.#stores.values()].map((store) => store.close(deadline)));
  }

  async stop(): Promise<void> {
    await this.drain(AbortSignal.abort());
    await this.#pool.close();
  }

  async #open({ name, realm, readers, timeoutMs, queueBytes }: StoreConfig): Promise<StoreHandle> {
    const { dataDir, nodeId, registry, clock, random, log } = this.#options;
    const file = storeFile(dataDir, realm, name);
    makeDirectoryOf(file);
    const engine = await ThreadEngine.open({
      store: name,
      file,
      group: `store/${realm}/${name}`,
      nodeId,
      pool: this.#pool,
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
    return StoreHandle.open({ name, realm, engine, clock, log });
  }
}
