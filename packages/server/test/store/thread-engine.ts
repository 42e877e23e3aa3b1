import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LocalWorkerRegistry } from '../../src/gateway/local-worker-registry.ts';
import { ThreadEngine } from '../../src/gateway/thread-engine.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import type { ThreadPool } from '../../src/lib/sqlite/thread-pool.ts';
import { UuidV7 } from '../../src/lib/uuid.ts';
import type { EngineUnderTest } from '../../src/store/testing/engine-steps.ts';
import { copyStore } from '../../src/store/testing/file-engine.ts';

const QUEUE_BYTES = 64 * 1024 * 1024;

/** @param pool whose threads it works in, as the stores of a node share them. @returns how to make a new engine on a file of its own */
export function threadEngines(pool: ThreadPool): () => Promise<EngineUnderTest> {
  const open = (file: string): Promise<ThreadEngine> =>
    ThreadEngine.open({
      ...{ store: 'test', file, group: 'store/default/test', nodeId: 'node' },
      ...{ pool, registry: new LocalWorkerRegistry(), clock: systemClock, log: createLogger({ level: 'silent' }) },
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
    return {
      engine,
      reopen: async () => {
        await engine.close();
        engine = await open(file);
        return engine;
      },
      crash: async () => {
        const left = join(directory, `life-${++lives}`, 'store.db');
        copyStore(file, left);
        await engine.close();
        file = left;
        engine = await open(file);
        return engine;
      },
      harm: async () => {
        const threads = engine.workers.map(({ thread }) => thread).filter((thread) => thread !== null);
        const thread = threads[harmed++ % Math.max(threads.length, 1)];
        if (thread !== undefined) await pool.terminate(thread);
      },
      setWallMs: null,
      close: async () => {
        await engine.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  };
}
