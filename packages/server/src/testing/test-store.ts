import { PlexusError } from '@plexus/protocol';
import { type Clock, systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import type { AppendRequest, AppendResult } from '../store/append.ts';
import type { StoredEvent } from '../store/event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../store/operations.ts';
import { decodePage } from '../store/page.ts';
import type { Page, ReadRequest } from '../store/reads.ts';
import type { LocalStore, LocalSubscriptions, StoreStatus, Stores } from '../store/store.ts';
import type { CatchUpOptions } from '../store/subscription.ts';
import { StoreSubscriptionService } from '../store/subscriptions/service.ts';
import { MemoryEngine, STORE_ID } from '../store/testing/memory-engine.ts';

const PAGE: ReadRequest = {
  stream: null,
  filter: {},
  direction: 'forwards',
  from: null,
  limit: 100,
  maxBytes: 1024 * 1024,
  form: 'frames',
};

/** A store in memory, for tests of what is in front of stores: nothing is fast here, and everything is short. */
export class TestStore implements LocalStore {
  readonly name: string;
  readonly realm: string;
  /** What the engine says of itself. */
  readonly id = STORE_ID;
  readonly engine: MemoryEngine;
  problem: string | null = null;
  /** How often something was read. */
  reads = 0;
  readonly service: StoreSubscriptionService;

  constructor(
    name = 'default',
    realm = 'default',
    engine = new MemoryEngine({ wallMs: () => systemClock.wallMs(), store: name }),
    clock: Clock = systemClock,
  ) {
    this.name = name;
    this.realm = realm;
    this.engine = engine;
    // Nothing has to be loaded: what is made here goes with it.
    this.service = new StoreSubscriptionService({
      engine,
      storeName: name,
      clock,
      log: createLogger({ level: 'silent' }),
    });
  }

  get subscriptions(): LocalSubscriptions {
    return this.service.subscriptions;
  }

  get lastPosition(): number {
    return this.engine.lastPosition;
  }

  async latest(): Promise<number> {
    return this.lastPosition;
  }

  get catchUpWarnings(): number {
    return this.service.catchUpWarnings;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return this.engine.append(request);
  }

  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    return this.engine.write(operation, request);
  }

  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']> {
    this.reads++;
    return this.engine.read(operation, request);
  }

  async *pages(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<Page> {
    for (let from = request.from; signal?.aborted !== true; ) {
      const page = await this.read('readEvents', { ...request, from });
      yield page;
      if (page.next === null) return;
      from = page.next;
    }
  }

  async *events(request: Partial<ReadRequest>, signal?: AbortSignal): AsyncGenerator<StoredEvent> {
    for await (const page of this.pages({ ...PAGE, ...request }, signal)) yield* decodePage(page);
  }

  catchUp(options: CatchUpOptions): AsyncIterable<StoredEvent> {
    return this.service.catchUp(options);
  }

  onCommitted(listener: (events: readonly StoredEvent[]) => void): () => void {
    return this.service.onCommitted(listener);
  }

  /** Ends its subscriptions. */
  stop(): Promise<void> {
    return this.service.stop();
  }

  status(): StoreStatus {
    return {
      name: this.name,
      realm: this.realm,
      mode: 'single',
      healthy: this.problem === null,
      problem: this.problem,
      file: '/secret/place.db',
      lastPosition: this.lastPosition,
      workers: [{ id: 'w1', role: 'writer', restarts: 0 }],
      writerQueueBytes: 0,
    };
  }
}

export function testStores(...stores: LocalStore[]): Stores {
  return {
    list: () => stores,
    get(name, realm) {
      const store = stores.find((one) => one.name === name && (realm === null || one.realm === realm));
      if (store === undefined) throw new PlexusError('store_not_found', { store: name });
      return store;
    },
  };
}
