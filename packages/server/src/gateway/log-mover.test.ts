import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Database } from '../lib/sqlite/database.ts';
import { ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { APPLICATION_ID, SCHEMA } from '../store/sqlite/schema.ts';
import { verifyAll } from '../store/verify-all.ts';
import { openEngine } from './testing/open-engine.ts';
import type { ThreadEngine } from './thread-engine.ts';

const AT_ONCE = 64;
const DATA = 'x'.repeat(4096);
/** Where the writer would move all of it by itself. */
const ALONE_PAGES = 16_000;

describe('a store that is written to much', () => {
  let dir: string;
  let file: string;
  let movers: ThreadPool;
  let engine: ThreadEngine;
  let close: () => Promise<void>;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'plexus-log-mover-'));
    file = join(dir, 'test.db');
    movers = new ThreadPool(1);
    ({ engine, close } = await openEngine(file, { movers }));
  });
  afterEach(async () => {
    await close();
    await movers.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function write(batches: number): Promise<void> {
    for (let i = 0; i < batches; i++) {
      const appends = Array.from({ length: AT_ONCE }, (_, n) =>
        engine.append({ writes: [{ stream: `s${n}`, events: [{ type: 't', data: DATA }] }] }),
      );
      await Promise.all(appends);
    }
  }
  const events = async (): Promise<number> => (await engine.read('storeInfo', {})).events;

  it('has its log moved by a thread of its own, and begun anew', async () => {
    expect(movers.threads, 'nothing to move').toEqual([]);
    using watch = Database.open({ file, migrations: SCHEMA, applicationId: APPLICATION_ID, readOnly: true });
    // The thread takes a while to start.
    for (let i = 0; i < 100 || movers.threads.length === 0; i++) await write(1);
    // Nor is it to be outrun, whatever else this machine does.
    const moved = (): Promise<void> =>
      vi.waitFor(() => expect(watch.log.unmoved).toBeLessThan(3000), { timeout: 5000 });
    let most = 0;
    let renewals = 0;
    for (let i = 0, last = 0; i < 400; i++) {
      if (i % 10 === 0) await moved();
      await write(1);
      const { pages } = watch.log;
      if (pages < last) renewals++;
      last = pages;
      most = Math.max(most, pages);
    }
    expect(renewals).toBeGreaterThan(0);
    expect(most).toBeLessThan(ALONE_PAGES);
    expect((await verifyAll((request) => engine.read('verify', request))).faults).toEqual([]);
  });

  it('goes on when that thread dies, and has another', async () => {
    await write(80);
    const [thread] = movers.threads;
    await movers.terminate(thread!);
    expect(movers.threads).toEqual([]);
    await write(80);
    expect(movers.threads).toHaveLength(1);
    expect(await events()).toBe(160 * AT_ONCE);
  });

  it('closes in the middle of it, and nothing is left in the log', async () => {
    const writing = write(160).catch(() => {});
    await vi.waitFor(() => expect(movers.threads).toHaveLength(1), { interval: 1 });
    await engine.close();
    await writing;
    expect(statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  });
});
