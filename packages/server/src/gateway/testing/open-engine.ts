import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import { ThreadPool } from '../../lib/sqlite/thread-pool.ts';
import { UuidV7 } from '../../lib/uuid.ts';
import { LocalWorkerRegistry } from '../local-worker-registry.ts';
import { ThreadEngine, type ThreadEngineOptions } from '../thread-engine.ts';
import type { WorkerRegistry } from '../worker-registry.ts';

export interface OpenEngine {
  readonly engine: ThreadEngine;
  readonly pool: ThreadPool;
  readonly registry: WorkerRegistry;
  /** With its threads. */
  close(): Promise<void>;
}

/** An engine on a file, with threads of its own. */
export async function openEngine(file: string, more: Partial<ThreadEngineOptions> = {}): Promise<OpenEngine> {
  const pool = more.pool ?? new ThreadPool(4);
  const registry = more.registry ?? new LocalWorkerRegistry();
  const close = async (): Promise<void> => {
    await engine?.close();
    await pool.close();
  };
  let engine: ThreadEngine | null = null;
  try {
    engine = await ThreadEngine.open({
      store: 'test',
      file,
      group: 'store:default/test',
      nodeId: 'node',
      clock: systemClock,
      log: createLogger({ level: 'silent' }),
      readers: 2,
      timeoutMs: 5000,
      queueBytes: 64 * 1024 * 1024,
      cacheBytes: { writer: 2 ** 24, reader: 2 ** 24 },
      ids: new UuidV7(() => systemClock.wallMs()),
      random: Math.random,
      ...more,
      pool,
      registry,
    });
    return { engine, pool, registry, close };
  } catch (error) {
    await close();
    throw error;
  }
}
