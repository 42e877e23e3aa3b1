import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { ByteSink } from '../../lib/byte-sink.ts';
import { UuidV7 } from '../../lib/uuid.ts';
import type { AppendRequest, AppendResult } from '../append.ts';
import { readAppend, writeAppend } from '../append-codec.ts';
import type { CommitListener, Engine } from '../engine.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../operations.ts';
import { RecordedEvent } from '../recorded-event.ts';
import { StoreReader } from '../sqlite/reader.ts';
import { StoreWriter, type WriteItem, type WriteOutcome } from '../sqlite/writer.ts';
import type { EngineUnderTest } from './engine-steps.ts';

interface Waiting {
  readonly item: WriteItem;
  readonly settle: (outcome: WriteOutcome) => void;
}

export interface FileEngineOptions {
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Commits from one piece of index work to the next; default 3. */
  readonly tendEvery?: number;
}

/** The writer and a reader of a store's file as an engine, all in the thread of the test. */
export class FileEngine implements Engine {
  listener: CommitListener | null = null;
  readonly #writer: StoreWriter;
  readonly #reader: StoreReader;
  readonly #ids: UuidV7;
  readonly #tendEvery: number;
  #waiting: Waiting[] = [];
  #commits = 0;
  #closed = false;
  /** What the index work has met with: nothing is written any more. */
  #fault: PlexusError | null = null;

  constructor({ file, wallMs, tendEvery = 3 }: FileEngineOptions) {
    this.#writer = StoreWriter.open({ file, wallMs });
    this.#reader = StoreReader.open({ file });
    this.#ids = new UuidV7(wallMs);
    this.#tendEvery = tendEvery;
  }

  get lastPosition(): number {
    return this.#writer.lastPosition;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    const sink = new ByteSink(1024);
    writeAppend(sink, request, this.#ids);
    return (await this.#enqueue({ kind: 'append', buffer: sink.take(), start: 0 })) as AppendResult;
  }

  async write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    return (await this.#enqueue({ kind: operation, request } as WriteItem)) as WriteOperations[K]['result'];
  }

  async read<K extends ReadName>(
    operation: K,
    request: ReadOperations[K]['request'],
  ): Promise<ReadOperations[K]['result']> {
    await null;
    if (this.#closed) throw new PlexusError('shutting_down');
    return this.#reader.read(operation, request);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#commit();
    this.#closed = true;
    this.#reader.close();
    this.#writer.close();
  }

  #enqueue(item: WriteItem): Promise<unknown> {
    if (this.#closed) throw new PlexusError('shutting_down');
    if (this.#fault !== null) throw this.#fault;
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.#commit());
      const settle = (outcome: WriteOutcome): void => {
        if (outcome.ok) resolve(outcome.result);
        else reject(new PlexusError(outcome.error.code, outcome.error.details));
      };
      this.#waiting.push({ item, settle });
    });
  }

  #commit(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const outcomes = this.#writer.commit(waiting.map(({ item }) => item));
    const fresh = waiting.flatMap(({ item }, i) => eventsOf(item, outcomes[i]!));
    if (fresh.length > 0) this.listener?.committed(fresh);
    waiting.forEach(({ settle }, i) => {
      settle(outcomes[i]!);
    });
    if (++this.#commits % this.#tendEvery !== 0) return;
    // The first time it only notes that nothing waits.
    try {
      for (let calls = 0; calls < 2 && this.#writer.tend() !== null; calls++);
    } catch (error) {
      if (!(error instanceof PlexusError)) throw error;
      this.#fault = error;
    }
  }
}

/** What an append has added. */
function eventsOf(item: WriteItem, outcome: WriteOutcome): RecordedEvent[] {
  if (item.kind !== 'append' || !outcome.ok) return [];
  const { position: last, versions, timeUs, duplicate } = outcome.result as AppendResult;
  if (duplicate) return [];
  const { writes } = readAppend(item.buffer, item.start);
  const total = writes.reduce((sum, { records }) => sum + records.length / 2, 0);
  let position = last - total + 1;
  return writes.flatMap(({ records }, w) => {
    const count = records.length / 2;
    return Array.from({ length: count }, (_, i) => {
      const version = versions[w]! - count + 1 + i;
      return new RecordedEvent(item.buffer, records[i * 2]!, records[i * 2 + 1]!, position++, version, timeUs);
    });
  });
}

const START_MS = 1_790_000_000_000;

/** A new engine on a file of its own, that can be closed, opened again, and left behind as by a crash. */
export async function openFileEngine(options: Partial<FileEngineOptions> = {}): Promise<EngineUnderTest> {
  const directory = mkdtempSync(join(tmpdir(), 'plexus-engine-'));
  let nowMs = START_MS;
  let lives = 0;
  const start = (file: string): FileEngine => new FileEngine({ wallMs: () => nowMs, ...options, file });
  let file = join(directory, 'life-0', 'store.db');
  mkdirSync(dirname(file));
  let engine = start(file);
  return {
    engine,
    reopen: async () => {
      await engine.close();
      engine = start(file);
      return engine;
    },
    crash: async (onLeft) => {
      const left = join(directory, `life-${++lives}`, 'store.db');
      copyStore(file, left);
      onLeft?.();
      // The old one ends only now: what it does at its end is not in the copy.
      await engine.close();
      file = left;
      engine = start(file);
      return engine;
    },
    setWallMs: (ms) => {
      nowMs = ms;
    },
    close: async () => {
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Copies a store's files as they are on the disk now; not what connections share in memory. */
export function copyStore(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  for (const suffix of ['', '-wal', '.mark']) {
    if (existsSync(from + suffix)) cpSync(from + suffix, join(dirname(to), basename(to) + suffix));
  }
}
