import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { ByteSink } from '../../../lib/byte-sink.ts';
import { UuidV7 } from '../../../lib/uuid.ts';
import type { AppendRequest, AppendResult } from '../../append.ts';
import { writeAppend } from '../../append-codec.ts';
import type { CommitListener, Engine } from '../../engine.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../../operations.ts';
import { decodePage } from '../../page.ts';
import type { EngineUnderTest } from '../../testing/engine-steps.ts';
import { StoreReader } from '../reader.ts';
import { StoreWriter, type WriteItem } from '../writer.ts';

/** Indexes are left behind for so many commits at a time, so that reads meet tails of all lengths. */
const TEND_EVERY = 7;

/** One writer and one reader of a file, without threads: what is asked for in one turn is one commit. */
export class FileEngine implements Engine {
  listener: CommitListener | null = null;
  readonly #writer: StoreWriter;
  readonly #reader: StoreReader;
  readonly #ids: UuidV7;
  #waiting: { item: WriteItem; resolve: (result: never) => void; reject: (error: unknown) => void }[] = [];
  #commits = 0;
  #isClosed = false;

  constructor(file: string, wallMs: () => number, smallBytes?: number) {
    this.#writer = StoreWriter.open({ file, wallMs, store: 'memory' });
    this.#reader = StoreReader.open({ file, store: 'memory', ...(smallBytes === undefined ? {} : { smallBytes }) });
    this.#ids = new UuidV7(wallMs);
  }

  get lastPosition(): number {
    return this.#writer.lastPosition;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    const sink = new ByteSink(1024);
    writeAppend(sink, request, this.#ids);
    return this.#enqueue({ kind: 'append', buffer: sink.take(), start: 0 });
  }

  async write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    return this.#enqueue({ kind: operation, request } as unknown as WriteItem);
  }

  async read<K extends ReadName>(
    operation: K,
    request: ReadOperations[K]['request'],
  ): Promise<ReadOperations[K]['result']> {
    if (this.#isClosed) throw new PlexusError('shutting_down');
    await null;
    return this.#reader.read(operation, request);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#commit();
    this.#reader.close();
    this.#writer.close();
  }

  #enqueue<T>(item: WriteItem): Promise<T> {
    if (this.#isClosed) throw new PlexusError('shutting_down');
    return new Promise<T>((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.#commit());
      this.#waiting.push({ item, resolve, reject });
    });
  }

  #commit(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const before = this.lastPosition;
    const outcomes = this.#writer.commit(waiting.map(({ item }) => item));
    this.#tell(before);
    for (const [i, outcome] of outcomes.entries()) {
      const { resolve, reject } = waiting[i]!;
      if (outcome.ok) resolve(outcome.result as never);
      else reject(new PlexusError(outcome.error.code, outcome.error.details));
    }
    if (++this.#commits % TEND_EVERY !== 0) return;
    // The first call only notes that nothing waits.
    this.#writer.tend();
    this.#writer.tend();
  }

  #tell(before: number): void {
    if (this.listener === null) return;
    while (before < this.lastPosition) {
      const page = this.#reader.read('readEvents', {
        ...{ stream: null, filter: {}, direction: 'forwards', from: before + 1 },
        ...{ limit: 1000, maxBytes: 1024 * 1024, form: 'frames' },
      });
      before += page.count;
      this.listener.committed(decodePage(page));
    }
  }
}

/** An engine on a file of its own. */
export function openFileEngine(smallBytes?: number): EngineUnderTest & { readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'plexus-store-'));
  const file = join(folder, 'store.db');
  let nowMs = 1_790_000_000_000;
  const open = (): FileEngine => new FileEngine(file, () => nowMs, smallBytes);
  let engine = open();
  return {
    file,
    engine,
    reopen: async () => {
      await engine.close();
      engine = open();
      return engine;
    },
    setWallMs: (ms) => {
      nowMs = ms;
    },
    close: async () => {
      await engine.close();
      rmSync(folder, { recursive: true });
    },
  };
}
