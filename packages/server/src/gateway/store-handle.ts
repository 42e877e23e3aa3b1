import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { AppendRequest, AppendResult } from '../store/append.ts';
import type { StoredEvent } from '../store/event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../store/operations.ts';
import { decodePage } from '../store/page.ts';
import type { Page, ReadRequest } from '../store/reads.ts';
import type { Store, StoreStatus, StoreSubscriptions } from '../store/store.ts';
import type { CatchUpOptions } from '../store/subscription.ts';
import { StoreSubscriptionService } from '../store/subscriptions/service.ts';
import { aborted } from './aborted.ts';
import type { ThreadEngine } from './thread-engine.ts';

/** Of `events`, where the caller says nothing else. */
const DEFAULT_READ: ReadRequest = {
  stream: null,
  filter: {},
  direction: 'forwards',
  from: null,
  limit: 1000,
  maxBytes: 1024 * 1024,
  form: 'frames',
};

const GRACE_MS = 1000;

export interface StoreHandleOptions {
  readonly name: string;
  readonly realm: string;
  readonly engine: ThreadEngine;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A store that is open. */
export class StoreHandle implements Store {
  readonly name: string;
  readonly realm: string;
  readonly #engine: ThreadEngine;
  readonly #clock: Clock;
  readonly #service: StoreSubscriptionService;

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
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get subscriptions(): StoreSubscriptions {
    return this.#service.subscriptions;
  }

  get lastPosition(): number {
    return this.#engine.lastPosition;
  }

  get catchUpWarnings(): number {
    return this.#service.catchUpWarnings;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return this.#engine.append(request);
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

  /** The next page is read while the caller works on one; never more than these two are in memory. An abort ends it quietly. */
  async *pages(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<Page, void, undefined> {
    const read = (from: number | null): Promise<Page> => {
      const page = this.#engine.read('readEvents', { ...request, from });
      // It is looked at when its turn comes, if it comes.
      page.catch(() => {});
      return page;
    };
    const isAborted = (): boolean => signal?.aborted ?? false;
    for (let next: Promise<Page> | null = read(request.from); next !== null && !isAborted(); ) {
      const page: Page = await next;
      if (isAborted()) return;
      next = page.next === null ? null : read(page.next);
      yield page;
    }
  }

  async *events(request: Partial<ReadRequest>, signal?: AbortSignal): AsyncGenerator<StoredEvent, void, undefined> {
    for await (const page of this.pages({ ...DEFAULT_READ, ...request, form: 'frames' }, signal))
      yield* decodePage(page);
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
