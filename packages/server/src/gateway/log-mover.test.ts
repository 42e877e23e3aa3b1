import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { verifyAll } from '../store/verify-all.ts';
import { openEngine } from './testing/open-engine.ts';
import type { ThreadEngine } from './thread-engine.ts';

const MiB = 1024 * 1024;
const DATA = 'x'.repeat(16 * 1024);

describe('a store that is written to much', () => {
  let dir: string;
  let movers: ThreadPool;
  let engine: ThreadEngine;
  let close: () => Promise<void>;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'plexus-log-mover-'));
    movers = new ThreadPool(1);
    ({ engine, close } = await openEngine(join(dir, 'test.db'), { movers }));
  });
  afterEach(async () => {
    await close();
    await movers.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function write(megabytes: number): Promise<void> {
    for (let i = 0; i < megabytes; i++) {
      const appends = Array.from({ length: 64 }, (_, n) =>
        engine.append({ writes: [{ stream: `s${n}`, events: [{ type: 't', data: DATA }] }] }),
      );
      await Promise.all(appends);
    }
  }
  const events = async (): Promise<number> => (await engine.read('storeInfo', {})).events;
  const walBytes = (): number => statSync(join(dir, 'test.db-wal')).size;

  it('has its log moved by a thread of its own, and begun anew', async () => {
    expect(movers.threads, 'nothing to move').toEqual([]);
    await write(160);
    expect(movers.threads).toHaveLength(1);
    expect(walBytes()).toBeLessThan(80 * MiB);
    expect(await events()).toBe(160 * 64);
    expect((await verifyAll((request) => engine.read('verify', request))).faults).toEqual([]);
  });

  it('goes on when that thread dies, and has another', async () => {
    await write(20);
    const [thread] = movers.threads;
    await movers.terminate(thread!);
    expect(movers.threads).toEqual([]);
    await write(100);
    expect(movers.threads).toHaveLength(1);
    expect(await events()).toBe(120 * 64);
  });

  it('closes while its log is moved', async () => {
    await write(20);
    await Promise.all([write(2), engine.close()].map((one) => one.catch(() => {})));
    expect(statSync(join(dir, 'test.db-wal'), { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  });
});
