import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import type { AppendResult } from '../store/append.ts';
import type { ReadName, WriteName } from '../store/operations.ts';
import type { Store, StoreSubscriptions } from '../store/store.ts';
import type { CatchUpOptions, ConsumerOptions, StartFrom } from '../store/subscription.ts';
import { EventBatch } from './event-batch.ts';
import { ServedConsumer } from './served-consumer.ts';
import { ServedReader } from './served-reader.ts';
import { ServedChannel, type ServedStream } from './served-stream.ts';
import { decodeRequest, encodeError, encodeResult, type StoreRequest } from './store-messages.ts';
import { type Fields, sendMessage } from './store-wire.ts';

/** A store that this node has open. */
export interface HeldStore extends Store {
  /** UUID, in its file. */
  readonly id: string;
  /** An append as `writeAppend` makes it. @throws {PlexusError} like `append` */
  appendEncoded(bytes: Uint8Array): Promise<AppendResult>;
}

export interface HeldStores {
  /** @throws {PlexusError} store_not_found, also for a store of another realm */
  held(name: string, realm: string): HeldStore;
}

export interface StoreServerOptions {
  readonly link: Link;
  readonly stores: HeldStores;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Bounds on what one other node has under way here; a node that keeps its own never meets them. */
const MAX_PENDING = 2048;
const MAX_STREAMS = 8192;
const RETRY_AFTER_MS = 100;
/** Parked events in one answer: each may be as large as an event may be. */
const MAX_PARKED = 16;

const READS: Readonly<Record<ReadName, true>> = {
  readEvents: true,
  eventById: true,
  streamInfo: true,
  listStreams: true,
  versionAt: true,
  storeInfo: true,
  listTypes: true,
  listTags: true,
  causation: true,
  loadSnapshot: true,
  listSnapshots: true,
  listSubscriptions: true,
  listParked: true,
  verify: true,
};

/** Answers one other node's requests to the stores of this one. Realm and store are looked at again here. */
export class StoreServer {
  readonly #options: StoreServerOptions;
  readonly #streams = new Map<number, ServedStream>();
  #pending = 0;
  /** Grows when the channel is lost: answers to what came before it have nobody to go to. */
  #epoch = 0;

  constructor(options: StoreServerOptions) {
    this.#options = options;
  }

  request(id: number, message: Fields): void {
    const epoch = this.#epoch;
    this.#pending++;
    this.#serve(id, message, epoch).then(
      (result) => this.#answer(id, epoch, encodeResult(result)),
      (error: unknown) => this.#answer(id, epoch, encodeError(this.#known(error, message))),
    );
  }

  more(id: number, message: Fields): void {
    const stream = this.#streams.get(id);
    try {
      stream?.more(message);
    } catch (error) {
      this.#options.log.warn({ err: error, event: 'store_stream_failed' }, 'another node sent what makes no sense');
      stream?.close();
    }
  }

  /** The channel is gone. */
  lost(): void {
    this.#epoch++;
    for (const stream of [...this.#streams.values()]) stream.close();
    this.#streams.clear();
  }

  #answer(id: number, epoch: number, message: Fields): void {
    this.#pending--;
    if (epoch === this.#epoch) sendMessage(this.#options.link, FrameType.Answer, id, message);
  }

  async #serve(id: number, message: Fields, epoch: number): Promise<unknown> {
    const request = decodeRequest(message);
    const { op, realm, store: name, uuid, bytes, value } = request;
    if (this.#pending > MAX_PENDING || this.#streams.size >= MAX_STREAMS) {
      throw new PlexusError('overloaded', { store: name, retryAfterMs: RETRY_AFTER_MS });
    }
    const store = this.#options.stores.held(name, realm);
    if (store.id !== uuid) {
      throw new PlexusError('store_unavailable', { store: name, reason: 'the node has another store of this name' });
    }
    switch (op) {
      case 'append':
        return store.appendEncoded(bytes ?? new Uint8Array(0));
      case 'write':
        return store.write(request.name as WriteName, value as never);
      case 'read':
        if (!Object.hasOwn(READS, request.name)) throw refuse(`there is no operation ${request.name}`);
        return store.read(request.name as ReadName, value as never);
      case 'manage':
        return manage(store.subscriptions, request);
      case 'attach':
        return this.#attach(id, store, request, epoch);
      case 'catchUp':
        return this.#catchUp(id, store, value as Fields);
      case 'status': {
        const [status, info] = await Promise.all([store.status(), store.read('storeInfo', {})]);
        return { status, info };
      }
    }
  }

  async #attach(id: number, store: HeldStore, { name, value }: StoreRequest, epoch: number): Promise<unknown> {
    const served = new ServedConsumer(this.#channel(id));
    const options = { ...(value as ConsumerOptions), pull: true };
    const consumer = await store.subscriptions.attach(name, options, served);
    served.attached(consumer);
    if (epoch === this.#epoch) this.#streams.set(id, served);
    else served.close();
    return { window: consumer.window, ackTimeoutMs: consumer.ackTimeoutMs };
  }

  async #catchUp(id: number, store: HeldStore, { credit, ...asked }: Fields): Promise<unknown> {
    const served = new ServedReader(this.#channel(id), typeof credit === 'number' ? credit : 0);
    const { from } = asked as unknown as CatchUpOptions;
    const begin = from === 'now' ? store.lastPosition + 1 : from;
    const events = store.catchUp({
      ...(asked as unknown as CatchUpOptions),
      from: begin,
      signal: served.signal,
      onCaughtUp: () => served.caughtUp(),
      onWarning: (queued, bound) => served.warn(queued, bound),
    });
    this.#streams.set(id, served);
    // After the answer, which items follow.
    this.#options.clock.setImmediate(() => void served.run(events));
    return { from: begin };
  }

  #channel(id: number): ServedChannel {
    const { link, clock } = this.#options;
    return new ServedChannel(link, id, clock, () => this.#streams.delete(id));
  }

  #known(error: unknown, { store }: Fields): PlexusError {
    if (!(error instanceof PlexusError)) {
      this.#options.log.error({ err: error, event: 'store_request_failed' }, 'a request of another node failed');
      return new PlexusError('internal');
    }
    // It is this node that stops, not the one that asked: there it is no reason to end anything.
    if (error.code !== 'shutting_down') return error;
    return new PlexusError('store_unavailable', { store, reason: 'its node is shutting down' });
  }
}

/** Names are those of `StoreSubscriptions`. */
async function manage(subscriptions: StoreSubscriptions, { name: method, value }: StoreRequest): Promise<unknown> {
  const [name, ...more] = value as [string, ...unknown[]];
  switch (method) {
    case 'create':
      return subscriptions.create(name as never);
    case 'get':
      return subscriptions.get(name);
    case 'list':
      return subscriptions.list();
    case 'delete':
    case 'pause':
    case 'resume':
      return subscriptions[method](name);
    case 'reset':
      return subscriptions.reset(name, more[0] as StartFrom);
    case 'replayParked':
    case 'dropParked':
      return subscriptions[method](name, more[0] as readonly number[] | null);
    case 'listParked':
      return listParked(subscriptions, name, more[0] as number, more[1] as number);
    default:
      throw refuse(`there is no operation ${method}`);
  }
}

async function listParked(subscriptions: StoreSubscriptions, name: string, after: number, limit: number) {
  const { items, next } = await subscriptions.listParked(name, after, Math.min(limit, MAX_PARKED));
  const batch = new EventBatch();
  for (const { event } of items) batch.add(event);
  return { ...batch.take(), next, items: items.map(({ event: _, ...rest }) => rest) };
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
