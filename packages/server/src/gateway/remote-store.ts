import { PlexusError } from '@plexus/protocol';
import { ByteSink } from '../lib/byte-sink.ts';
import type { Logger } from '../lib/log.ts';
import type { UuidV7 } from '../lib/uuid.ts';
import type { AppendRequest, AppendResult } from '../store/append.ts';
import { writeAppend } from '../store/append-codec.ts';
import type { StoredEvent } from '../store/event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../store/operations.ts';
import type { Page, ReadRequest } from '../store/reads.ts';
import { checkSelector } from '../store/selectors/check-selector.ts';
import type { Store, StoreStatus, StoreSubscriptions } from '../store/store.ts';
import type { CatchUpOptions } from '../store/subscription.ts';
import { checkStart, checkWhenFull, checkWhole, DEFINITION_LIMITS } from '../store/subscriptions/definition.ts';
import { checkWrite } from './check-write.ts';
import { DEFAULT_READ, eventsOf, pagesOf } from './pages.ts';
import { RemoteCatchUp } from './remote-catch-up.ts';
import { RemoteFeed } from './remote-feed.ts';
import type { RemoteRoute } from './remote-route.ts';
import { RemoteSubscriptions } from './remote-subscriptions.ts';
import { resultOfFirstTry } from './repeated-write.ts';
import { jsonOf } from './store-messages.ts';

const FIRST_BYTES = 1024;
/** What answers are taken to have, that are no pages of events. */
const ANSWER_BYTES = 16 * 1024;

export interface RemoteStoreOptions {
  readonly route: RemoteRoute;
  /** Makes ids for events that come without. */
  readonly ids: UuidV7;
  readonly log: Logger;
}

/** A store that other nodes have, as this one uses it. */
export class RemoteStore implements Store {
  readonly name: string;
  readonly realm: string;
  readonly subscriptions: StoreSubscriptions;
  /** Readers' queues are where the store is, and counted there. */
  readonly catchUpWarnings = 0;
  readonly #route: RemoteRoute;
  readonly #ids: UuidV7;
  readonly #feed: RemoteFeed;
  #lastPosition = -1;

  constructor({ route, ids, log }: RemoteStoreOptions) {
    this.name = route.store;
    this.realm = route.realm;
    this.subscriptions = new RemoteSubscriptions(route);
    this.#route = route;
    this.#ids = ids;
    this.#feed = new RemoteFeed(route, log);
  }

  /** The last that was heard of; `latest` asks. */
  get lastPosition(): number {
    return this.#lastPosition;
  }

  async latest(): Promise<number> {
    const one = { ...DEFAULT_READ, direction: 'backwards', limit: 1, maxBytes: 1 } as const;
    return (await this.read('readEvents', one)).lastPosition;
  }

  /** Encoded once, with the ids of its events: so the same bytes may be sent again, and are appended once. */
  async append(request: AppendRequest): Promise<AppendResult> {
    const sink = new ByteSink(FIRST_BYTES);
    writeAppend(sink, request, this.#ids);
    const asked = { op: 'append', name: '', value: null, bytes: sink.take() } as const;
    const result = (await this.#route.call('writer', asked, ANSWER_BYTES)) as AppendResult;
    this.#note(result.position);
    return result;
  }

  async write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    // By this id the writer knows a delete that comes again.
    const whole = operation === 'deleteStream' ? { ...request, requestId: this.#ids.next() } : request;
    // What the caller does with its object after this is of no account.
    const value: unknown = JSON.parse(jsonOf(whole));
    checkWrite(operation, value);
    const sinceMs = this.#route.clock.wallMs();
    let isRepeated = false;
    const asked = { op: 'write', name: operation, value, bytes: null } as const;
    try {
      return (await this.#route.call('writer', asked, ANSWER_BYTES, () => {
        isRepeated = true;
      })) as WriteOperations[K]['result'];
    } catch (error) {
      if (!isRepeated || !(error instanceof PlexusError)) throw error;
      const result = await resultOfFirstTry(this, operation, value, error, sinceMs);
      if (result === undefined) throw error;
      return result as WriteOperations[K]['result'];
    }
  }

  async read<K extends ReadName>(
    operation: K,
    request: ReadOperations[K]['request'],
  ): Promise<ReadOperations[K]['result']> {
    const asked = { op: 'read', name: operation, value: request, bytes: null } as const;
    const result = await this.#route.call('reader', asked, answerBytes(operation, request));
    if (operation === 'readEvents') this.#note((result as Page).lastPosition);
    return result as ReadOperations[K]['result'];
  }

  pages(request: ReadRequest, signal?: AbortSignal): AsyncGenerator<Page, void, undefined> {
    return pagesOf((one) => this.read('readEvents', one), request, signal);
  }

  events(request: Partial<ReadRequest>, signal?: AbortSignal): AsyncIterableIterator<StoredEvent, void, undefined> {
    return eventsOf(this.pages({ ...DEFAULT_READ, ...request, form: 'frames' }, signal));
  }

  /** `now` is when the iteration begins. */
  catchUp(options: CatchUpOptions): AsyncIterable<StoredEvent> {
    checkSelector(options.selector);
    checkStart(options.from);
    checkWhenFull(options.whenFull ?? 'block');
    if (options.queueSize !== undefined) checkWhole('queueSize', options.queueSize, ...DEFINITION_LIMITS.queueSize);
    return { [Symbol.asyncIterator]: () => new RemoteCatchUp(this.#route, options) };
  }

  onCommitted(listener: (events: readonly StoredEvent[]) => void): () => void {
    return this.#feed.listen(listener);
  }

  async status(): Promise<StoreStatus> {
    const asked = { op: 'status', name: '', value: null, bytes: null } as const;
    return ((await this.#route.call('reader', asked, ANSWER_BYTES)) as { status: StoreStatus }).status;
  }

  #note(position: number): void {
    if (position > this.#lastPosition) this.#lastPosition = position;
  }
}

function answerBytes(operation: ReadName, request: unknown): number {
  if (operation !== 'readEvents') return ANSWER_BYTES;
  return (request as ReadRequest).maxBytes;
}
