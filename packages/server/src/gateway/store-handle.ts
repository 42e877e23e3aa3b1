import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { AppendRequest, AppendResult } from '../store/append.ts';
import type { StoredEvent } from '../store/event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../store/operations.ts';
import type { Page, ReadRequest } from '../store/reads.ts';
import type { LocalStore, LocalSubscriptions, StoreStatus } from '../store/store.ts';
import type { CatchUpOptions } from '../store/subscription.ts';
import { StoreSubscriptionService } from '../store/subscriptions/service.ts';
import { aborted } from './aborted.ts';
import { DEFAULT_READ, eventsOf, pagesOf } from './pages.ts';
import type { HeldStore } from './store-server.ts';
import type { ThreadEngine } from './thread-engine.ts';

const GRACE_MS = 1000;

export interface StoreHandleOptions {
  readonly name: string;
  readonly realm: string;
  readonly engine: ThreadEngine;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A store that is open. */
export class StoreHandle implements LocalStore, HeldStore {
  readonly name: string;
  readonly realm: string;
  readonly #engine: ThreadEngine;
  readonly #clock: Clock;
  readonly #service: StoreSubscriptionService;
  #id = '';

  private constructor({ name, realm, engine, clock, log }: StoreHandleOptions) {
    this.name = name;
    this.realm = realm;
    this.#engine = engine;
    this.#clock = clock;
    this.#service = new StoreSubscriptionService({ engine, storeName: name, clock, log });
  }

  /** Takes over `engine`, and loads the subscriptions. If it throws, the engine is closed. */
  static async open(options: StoreHandleOptions): Promise<StoreHandle> {
    const store = new StoreHandle(options);
    try {
      await store.#service.start();
      store.#id = (await store.#engine.read('storeInfo', {})).id;
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get subscriptions(): LocalSubscriptions {
    return this.#service.subscriptions;
  }

  get lastPosition(): number {
    return this.#engine.lastPosition;
  }

  /** UUID, in the file. */
  get id(): string {
    return this.#id;
  }

  async latest(): Promise<number> {
    return this.lastPosition;
  }

  get catchUpWarnings(): number {
    return this.#service.catchUpWarnings;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return this.#engine.append(request);
  }

  appendEncoded(bytes: Uint8Array): Promise<AppendResult> {
    return this.#engine.appendEncoded(bytes);
  }

  /** Tells the registry how much its workers have to do. */
  announce(): void {
    this.#engine.announce();
  }

  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    return this.#engine.write(operation, request);
  }

  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']> {
    return this.#engine.read(operation, request);
  }

  pages(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<Page, void, undefined> {
    return pagesOf((one) => this.#engine.read('readEvents', one), request, signal);
  }

  events(request: Partial<ReadRequest>, signal?: AbortSignal): AsyncIterableIterator<StoredEvent, void, undefined> {
    return eventsOf(this.pages({ ...DEFAULT_READ, ...request, form: 'frames' }, signal));
  }

  catchUp(options: CatchUpOptions): AsyncIterable<StoredEvent> {
    return this.#service.catchUp(options);
  }

  onCommitted(listener: (events: readonly StoredEvent[]) => void): () => void {
    return this.#service.onCommitted(listener);
  }

  status(): StoreStatus {
    const { file, lastPosition, problem, workers, queueBytes } = this.#engine;
    return {
      name: this.name,
      realm: this.realm,
      mode: 'single',
      healthy: problem === null,
      problem,
      file,
      lastPosition,
      workers: workers.map(({ id, role, restarts }) => ({ id, role, restarts })),
      writerQueueBytes: queueBytes,
    };
  }

  /**
   * Lets consumers go, saves their progress, finishes what was accepted and closes the file. Idempotent.
   * @param deadline when aborted: what is not finished fails with `shutting_down`
   */
  async close(deadline?: AbortSignal): Promise<void> {
    try {
      await Promise.race([this.#service.stop(), this.#graceAfter(deadline)]);
    } finally {
      await this.#engine.close(deadline);
    }
  }

  /** A stop in haste too has the time to save progress, where the disk is well. */
  async #graceAfter(deadline: AbortSignal | undefined): Promise<void> {
    await aborted(deadline);
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, GRACE_MS));
  }
}
