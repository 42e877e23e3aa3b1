import { PlexusError } from '@plexus/protocol';
import { ByteSink } from '../../lib/byte-sink.ts';
import { UuidV7 } from '../../lib/uuid.ts';
import type { AppendRequest, AppendResult } from '../append.ts';
import { writeAppend } from '../append-codec.ts';
import type { CommitListener, Engine } from '../engine.ts';
import type { OperationName, Operations, ReadName, ReadOperations, WriteName, WriteOperations } from '../operations.ts';
import { causation } from './memory-causation.ts';
import { MemoryLog } from './memory-log.ts';
import { counted, eventById, listNames, readEvents, streamInfo, writeEvent } from './memory-reads.ts';
import { MemorySnapshots, MemorySubscriptions } from './memory-records.ts';

export interface MemoryEngineOptions {
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Most events that one page looks at, so that pages come out short, or empty, before the end. Default 1,000. */
  readonly maxLooked?: number;
  /** Shown in errors. */
  readonly store?: string;
}

type Handlers = { [K in OperationName]: (request: Operations[K]['request']) => Operations[K]['result'] };

/** Something to be written, and how to answer it. */
interface Waiting {
  readonly run: (timeUs: number) => void;
  readonly reject: (error: unknown) => void;
}

export const STORE_ID = '00000000-0000-7000-8000-000000000000';

/**
 * The naive model of an engine: everything in arrays, every question answered by looking through them. It commits what
 * was asked for in one turn of the microtask queue together, as a real one does with what waits.
 */
export class MemoryEngine implements Engine {
  listener: CommitListener | null = null;
  /** Set to make operations fail, appends as `append`; null, or a function that gives null: they do not. */
  fault: ((operation: OperationName | 'append') => PlexusError | null) | null = null;
  readonly #wallMs: () => number;
  readonly #maxLooked: number;
  readonly #ids: UuidV7;
  readonly #log = new MemoryLog();
  readonly #snapshots = new MemorySnapshots(this.#log);
  readonly #subscriptions: MemorySubscriptions;
  readonly #handlers: Handlers;
  #waiting: Waiting[] = [];
  #closed = false;
  #nowUs = 0;

  constructor({ wallMs, maxLooked = 1000, store = 'memory' }: MemoryEngineOptions) {
    this.#wallMs = wallMs;
    this.#maxLooked = maxLooked;
    this.#ids = new UuidV7(wallMs);
    this.#subscriptions = new MemorySubscriptions(store);
    this.#handlers = this.#makeHandlers();
  }

  get lastPosition(): number {
    return this.#log.lastPosition;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    this.#check('append');
    const sink = new ByteSink(1024);
    writeAppend(sink, request, this.#ids);
    const bytes = sink.take();
    return this.#enqueue((timeUs) => this.#log.append(bytes, 0, timeUs));
  }

  async write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    this.#check(operation);
    return this.#enqueue(() => this.#handlers[operation](request as never) as WriteOperations[K]['result']);
  }

  async read<K extends ReadName>(
    operation: K,
    request: ReadOperations[K]['request'],
  ): Promise<ReadOperations[K]['result']> {
    this.#check(operation);
    // As from a thread: never in the turn of the call.
    await null;
    return this.#handlers[operation](request as never) as ReadOperations[K]['result'];
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Forgets what a real engine forgets when it is closed and opened again. */
  restarted(): void {
    this.#nowUs = 0;
  }

  #check(operation: OperationName | 'append'): void {
    if (this.#closed) throw new PlexusError('shutting_down');
    const error = this.fault?.(operation) ?? null;
    if (error !== null) throw error;
  }

  #enqueue<T>(work: (timeUs: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.#commit());
      // What it gives is answered after the listener has heard of it.
      this.#waiting.push({
        run: (timeUs) => {
          const result = work(timeUs);
          queueMicrotask(() => resolve(result));
        },
        reject,
      });
    });
  }

  #commit(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#nowUs = Math.max(Math.floor(this.#wallMs() * 1000), this.#log.lastTimeUs, this.#nowUs);
    const first = this.#log.events.length;
    for (const { run, reject } of waiting) {
      try {
        run(this.#nowUs);
      } catch (error) {
        reject(error);
      }
    }
    const fresh = this.#log.events.slice(first);
    if (fresh.length > 0) this.listener?.committed(fresh);
  }

  #makeHandlers(): Handlers {
    const log = this.#log;
    return {
      readEvents: (request) => readEvents(log, request, this.#maxLooked),
      eventById: ({ id }) => {
        const sink = new ByteSink();
        writeEvent(sink, eventById(log, id), 'frames');
        return { bytes: sink.take(), count: 1, next: null, lastPosition: log.lastPosition };
      },
      streamInfo: ({ stream }) => streamInfo(log.stream(stream)),
      listStreams: (listing) => {
        const { items, next } = listNames(log.streams, listing);
        return { items: items.map(streamInfo), next };
      },
      versionAt: ({ stream, timeUs }) => ({
        version: log.stream(stream).events.filter((event) => event.timeUs <= timeUs).length - 1,
      }),
      storeInfo: () => ({
        id: STORE_ID,
        events: log.events.length,
        streams: [...log.streams.values()].filter(({ deleted }) => deleted === 'no').length,
        bytes: log.events.reduce((sum, { record }) => sum + record.length, 0),
        lastPosition: log.lastPosition,
      }),
      listTypes: (listing) =>
        listNames(
          counted(log.events, ({ type }) => [type]),
          listing,
        ),
      listTags: (listing) =>
        listNames(
          counted(log.events, ({ tags }) => tags),
          listing,
        ),
      causation: (request) => causation(log, request),
      loadSnapshot: ({ stream, version }) => this.#snapshots.load(stream, version),
      listSnapshots: ({ stream, before, limit }) => this.#snapshots.list(stream, before, limit),
      listSubscriptions: () => this.#subscriptions.list(),
      listParked: ({ name, after, limit }) => this.#subscriptions.listParked(name, after, limit),
      verify: () => ({ events: log.events.length, streams: log.streams.size, faults: [], next: null }),
      deleteStream: (request) => {
        const result = log.deleteStream(request);
        this.#snapshots.delete(request.stream, null);
        return result;
      },
      saveSnapshot: ({ stream, version, data, metadata }) =>
        this.#snapshots.save({ stream, version, data, metadata, savedUs: this.#nowUs }),
      deleteSnapshots: ({ stream, version }) => this.#snapshots.delete(stream, version),
      createSubscription: ({ definition }) => this.#subscriptions.create(definition, log.lastPosition, this.#nowUs),
      deleteSubscription: ({ name }) => this.#subscriptions.delete(name),
      resetSubscription: ({ name, checkpoint }) => this.#subscriptions.reset(name, checkpoint),
      saveProgress: ({ items }) => this.#subscriptions.save(items),
    };
  }
}
