import { PlexusError } from '@plexus/protocol';
import type { OwnerLock } from '../lib/owner-lock.ts';
import { lockFile } from '../lib/sqlite/file-lock.ts';
import type { ThreadPool } from '../lib/sqlite/thread-pool.ts';
import type { UuidV7 } from '../lib/uuid.ts';
import type { AppendRequest, AppendResult } from '../store/append.ts';
import type { CommitListener, Engine } from '../store/engine.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../store/operations.ts';
import type { Page } from '../store/reads.ts';
import { aborted } from './aborted.ts';
import { RETRY_TOTAL_MS } from './backoff.ts';
import { CommittedFeed } from './committed-feed.ts';
import { checkEncodedAppend } from './encoded-append.ts';
import { LogMover } from './log-mover.ts';
import type { FromWriter, ReaderInit, WriterInit } from './messages.ts';
import { ReadRouter } from './read-router.ts';
import { resultOfFirstTry } from './repeated-write.ts';
import { type WorkerContext, WorkerSlot } from './worker-slot.ts';
import type { PendingWrite } from './write-batch.ts';
import { WriteQueue } from './write-queue.ts';

const WRITER_HOST = new URL('writer-host.ts', import.meta.url).href;
const READER_HOST = new URL('reader-host.ts', import.meta.url).href;
/** A page of what a writer committed and did not live to answer. */
const FILL_PAGE = { limit: 1000, maxBytes: 1024 * 1024 };
/** How long workers are given to close: a writer moves its log into the file. */
const CLOSE_MS = 10_000;
const MOVER_CLOSE_MS = 2000;

export interface ThreadEngineOptions extends WorkerContext {
  readonly file: string;
  /** Reader threads, at least 1. */
  readonly readers: number;
  /** Of one try of a request. */
  readonly timeoutMs: number;
  /** How long a request may take with all its tries. Default 10 s. */
  readonly retryMs?: number;
  /** Of the page caches: of the writer, and of each reader. */
  readonly cacheBytes: { readonly writer: number; readonly reader: number };
  /** Bound of the queue in front of the writer. */
  readonly queueBytes: number;
  /** Where a thread moves the log into the file. Absent: the writer does it. */
  readonly movers?: ThreadPool;
  /** Makes ids for events that come without. */
  readonly ids: UuidV7;
  /** In [0, 1). */
  readonly random: () => number;
  /** Other modules to host. Default: the writer and the reader of SQLite stores. */
  readonly modules?: { readonly writer: string; readonly reader: string };
}

/** An engine that works in threads: one writer, which commits whatever waits as one, and some readers. */
export class ThreadEngine implements Engine {
  readonly file: string;
  readonly #options: ThreadEngineOptions;
  readonly #lock: OwnerLock;
  readonly #queue: WriteQueue;
  readonly #reads: ReadRouter;
  readonly #feed: CommittedFeed;
  readonly #writer: WorkerSlot;
  readonly #readers: WorkerSlot[] = [];
  readonly #mover: LogMover | null;
  #opened = false;
  /** The last thing that was wrong with the file or the disk. */
  #fault: PlexusError | null = null;
  #closing: Promise<void> | null = null;
  /** Resolved when nobody waits any more for what is not finished. */
  readonly #hurry = Promise.withResolvers<void>();

  private constructor(options: ThreadEngineOptions, lock: OwnerLock) {
    const { store, clock, log } = options;
    this.file = options.file;
    this.#options = options;
    this.#lock = lock;
    const retryMs = options.retryMs ?? RETRY_TOTAL_MS;
    const { movers } = options;
    this.#mover = movers === undefined ? null : new LogMover({ ...options, pool: movers });
    this.#reads = new ReadRouter({ ...options, retryMs, onDamage: (error) => this.#noteError(error) });
    this.#queue = new WriteQueue({
      ...options,
      retryMs,
      settleRepeated: (item, error, sinceWallMs) => void this.#settleRepeated(item, error, sinceWallMs),
      onError: (error) => this.#noteError(error),
    });
    this.#feed = new CommittedFeed({
      clock,
      readFrom: (from) => {
        const request = {
          stream: null,
          filter: {},
          direction: 'forwards',
          from,
          ...FILL_PAGE,
          form: 'frames',
        } as const;
        return this.#reads.read('readEvents', request) as Promise<Page>;
      },
      settle: (batch, answer) => this.#queue.inFlight.settle(batch, answer),
      onFault: (error) =>
        log.error({ err: error, store, event: 'store_listener_failed' }, 'a listener of a store failed'),
    });
    this.#writer = this.#makeWriter();
    for (let i = 0; i < options.readers; i++) this.#readers.push(this.#makeReader(i));
  }

  /**
   * Takes the file, makes it if it is not there, and starts its workers.
   * @throws {PlexusError} store_locked, store_damaged, store_newer, store_full, store_unavailable
   */
  static async open(options: ThreadEngineOptions): Promise<ThreadEngine> {
    const lock = lockFile(options.file);
    const engine = new ThreadEngine(options, lock);
    try {
      // The writer makes the file that the readers open.
      await engine.#writer.start();
      await Promise.all(engine.#readers.map((reader) => reader.start()));
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  get lastPosition(): number {
    return this.#feed.lastPosition;
  }

  get listener(): CommitListener | null {
    return this.#feed.listener;
  }

  set listener(listener: CommitListener | null) {
    this.#feed.listener = listener;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    if (this.#closing !== null) return Promise.reject(new PlexusError('shutting_down'));
    return this.#queue.append(request);
  }

  /**
   * An append that another node has encoded, with its ids.
   * @throws {PlexusError} as `append`
   */
  async appendEncoded(bytes: Uint8Array): Promise<AppendResult> {
    if (this.#closing !== null) throw new PlexusError('shutting_down');
    const writes = checkEncodedAppend(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return this.#queue.appendEncoded(bytes, writes);
  }

  /** Tells the registry of the workers, and what they have to do, where that has changed. */
  announce(): void {
    for (const slot of [this.#writer, ...this.#readers]) slot.announce();
  }

  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    if (this.#closing !== null) return Promise.reject(new PlexusError('shutting_down'));
    return this.#queue.write(operation, request) as Promise<WriteOperations[K]['result']>;
  }

  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']> {
    if (this.#closing !== null) return Promise.reject(new PlexusError('shutting_down'));
    return this.#reads.read(operation, request) as Promise<ReadOperations[K]['result']>;
  }

  /** Bytes that wait for the writer, or are under way there. */
  get queueBytes(): number {
    return this.#queue.bytes;
  }

  get workers(): { id: string; role: 'writer' | 'reader'; restarts: number; thread: number | null }[] {
    return [this.#writer, ...this.#readers].map(({ id, role, restarts, handle }) => ({
      id,
      role,
      restarts,
      thread: handle?.thread ?? null,
    }));
  }

  /** What keeps it from doing its work; null: nothing. */
  get problem(): string | null {
    for (const slot of [this.#writer, ...this.#readers]) if (slot.problem !== null) return slot.problem;
    if (this.#fault !== null) return this.#fault.message;
    const { oldestMs } = this.#queue.inFlight;
    if (oldestMs < this.#options.timeoutMs) return null;
    return `the writer has not answered for ${Math.floor(oldestMs / 1000)} s`;
  }

  /**
   * Takes nothing new, finishes what was accepted, then closes the file. Idempotent.
   * @param deadline when aborted: what is not finished fails with `shutting_down`
   */
  close(deadline?: AbortSignal): Promise<void> {
    void aborted(deadline).then(this.#hurry.resolve);
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const idle = Promise.all([this.#queue.whenIdle(), this.#reads.whenIdle()]);
    if (this.#opened) await Promise.race([idle, this.#hurry.promise]);
    this.#feed.stop();
    const error = new PlexusError('shutting_down');
    this.#queue.stop(error);
    this.#reads.stop(error);
    // The writer last: it moves the log into the file. The mover may be busy with another store.
    const others = [
      ...this.#readers.map((reader) => reader.stop()),
      this.#within(MOVER_CLOSE_MS, this.#mover?.close()),
    ];
    const stopped = Promise.all(others).then(() => this.#writer.stop());
    await this.#within(CLOSE_MS, stopped);
    this.#lock.release();
  }

  /** Waits for `done`, but no longer than `ms`. */
  async #within(ms: number, done: Promise<unknown> | undefined): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timeout = this.#options.clock.setTimeout(over.resolve, ms);
    await Promise.race([done, over.promise]);
    timeout.cancel();
  }

  #makeWriter(): WorkerSlot {
    const { file, store, modules, cacheBytes } = this.#options;
    return new WorkerSlot(this.#options, {
      id: 'writer',
      role: 'writer',
      module: modules?.writer ?? WRITER_HOST,
      init: { file, store, cacheBytes: cacheBytes.writer } satisfies WriterInit,
      load: () => this.#queue.pending,
      avoid: () => this.#readers.flatMap((reader) => reader.handle?.thread ?? []),
      onMessage: (message) => this.#fromWriter(message as FromWriter),
      onUp: (handle) => {
        this.#queue.available();
        this.#queue.inFlight.up(handle);
      },
      onDown: () => this.#queue.inFlight.down(),
      onGivenUp: (problem) => this.#queue.unavailable(problem),
    });
  }

  #makeReader(index: number): WorkerSlot {
    const { file, store, modules, cacheBytes } = this.#options;
    const slot: WorkerSlot = new WorkerSlot(this.#options, {
      id: `reader ${index}`,
      role: 'reader',
      module: modules?.reader ?? READER_HOST,
      init: { file, store, cacheBytes: cacheBytes.reader } satisfies ReaderInit,
      load: () => this.#reads.loadOf(slot),
      avoid: () => (this.#writer.handle === null ? [] : [this.#writer.handle.thread]),
      onMessage: (message) => told.onMessage(message),
      onUp: () => told.onUp(),
      onDown: (error) => told.onDown(error),
      onGivenUp: () => told.onGivenUp(),
    });
    const told = this.#reads.add(slot);
    return slot;
  }

  #fromWriter(message: FromWriter): void {
    if (message.kind === 'opened') {
      this.#feed.opened(message.lastPosition, !this.#opened);
      this.#opened = true;
      return;
    }
    if (message.kind === 'log') {
      void this.#mover?.move();
      return;
    }
    this.#queue.recycle(message.buffer);
    const batch = this.#queue.inFlight.answered(message.batch);
    if (batch === null) return;
    if (message.errors.length < batch.items.length && this.#fault?.code === 'store_full') this.#fault = null;
    this.#feed.answered(batch, message);
  }

  #noteError(error: PlexusError): void {
    if (error.code !== 'store_damaged' && error.code !== 'store_full') return;
    // Room may be made again; damage does not go away.
    if (this.#fault?.code === 'store_damaged') return;
    if (this.#fault?.code !== error.code) {
      const { log, store } = this.#options;
      log.error({ err: error, store, event: error.code }, error.message);
    }
    this.#fault = error;
  }

  async #settleRepeated(
    { operation, request, resolve, reject }: PendingWrite,
    error: PlexusError,
    sinceWallMs: number,
  ): Promise<void> {
    try {
      const result = await resultOfFirstTry(this, operation!, request, error, sinceWallMs);
      if (result === undefined) reject(error);
      else resolve(result as never);
    } catch {
      reject(error);
    }
  }
}
