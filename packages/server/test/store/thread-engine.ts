import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LocalWorkerRegistry } from '../../src/gateway/local-worker-registry.ts';
import { ThreadEngine } from '../../src/gateway/thread-engine.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import type { HostedHandle, HostOptions, ThreadPool } from '../../src/lib/sqlite/thread-pool.ts';
import { UuidV7 } from '../../src/lib/uuid.ts';
import type { EngineUnderTest } from '../../src/store/testing/engine-steps.ts';
import { copyStore } from '../../src/store/testing/file-engine.ts';
import { until } from './store-process.ts';

const QUEUE_BYTES = 64 * 1024 * 1024;
/** One less than a worker is started again within a minute. */
const MAX_RESTARTS = 4;

const WRITER_UP_MS = 10_000;

/** The pool, as long as new things may come to it: in a process that is gone none do. */
class Gate {
  readonly #pool: ThreadPool;
  #opened = Promise.resolve();

  constructor(pool: ThreadPool) {
    this.#pool = pool;
  }

  async host(options: HostOptions): Promise<HostedHandle> {
    await this.#opened;
    return this.#pool.host(options);
  }

  /** @returns how to open it again */
  shut(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    return resolve;
  }
}

/** @param pool whose threads it works in, as the stores of a node share them. @returns how to make a new engine on a file of its own */
export function threadEngines(pool: ThreadPool): () => Promise<EngineUnderTest> {
  const gate = new Gate(pool);
  const open = (file: string): Promise<ThreadEngine> =>
    ThreadEngine.open({
      ...{ store: 'test', file, group: 'store/default/test', nodeId: 'node', pool: gate as unknown as ThreadPool },
      ...{ registry: new LocalWorkerRegistry(), clock: systemClock, log: createLogger({ level: 'silent' }) },
      ...{ readers: 2, timeoutMs: 5000, queueBytes: QUEUE_BYTES, cacheBytes: { writer: 2 ** 24, reader: 2 ** 24 } },
      ...{ ids: new UuidV7(() => systemClock.wallMs()), random: Math.random },
    });
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), 'plexus-threads-'));
    let file = join(directory, 'life-0', 'store.db');
    mkdirSync(dirname(file));
    let lives = 0;
    let harmed = 0;
    let engine = await open(file);
    /** Ends one of these threads, unless that would end a worker for good. */
    const endOne = async (threads: readonly (number | null)[]): Promise<void> => {
      const tired = engine.workers.filter(({ restarts }) => restarts >= MAX_RESTARTS).map(({ thread }) => thread);
      const fit = threads.filter((thread) => thread !== null && !tired.includes(thread));
      const thread = fit[harmed++ % Math.max(fit.length, 1)] ?? null;
      if (thread !== null) await pool.terminate(thread);
    };
    return {
      engine,
      reopen: async () => {
        await engine.close();
        engine = await open(file);
        return engine;
      },
      crash: async (onLeft) => {
        const left = join(directory, `life-${++lives}`, 'store.db');
        const writer = (): number | null => engine.workers.find(({ role }) => role === 'writer')!.thread;
        // One that is just starting cannot be stopped.
        await until('the writer is up', WRITER_UP_MS, () => writer() !== null);
        // Nobody writes while the files are copied: neither the writer, nor one in its place.
        const reopenGate = gate.shut();
        await pool.terminate(writer()!);
        copyStore(file, left);
        onLeft?.();
        reopenGate();
        await engine.close();
        file = left;
        engine = await open(file);
        return engine;
      },
      harm: () => endOne(engine.workers.map(({ thread }) => thread)),
      strike: (role) => endOne(engine.workers.filter((worker) => worker.role === role).map(({ thread }) => thread)),
      setWallMs: null,
      close: async () => {
        await engine.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  };
}
