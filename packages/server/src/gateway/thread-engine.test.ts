import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../lib/log.ts';
import type { AppendResult } from '../store/append.ts';
import { type OpenEngine, openEngine } from './testing/open-engine.ts';
import { SLOW_MS } from './testing/scripted-reader.ts';
import type { ThreadEngine, ThreadEngineOptions } from './thread-engine.ts';

const MODULES = {
  writer: new URL('testing/scripted-writer.ts', import.meta.url).href,
  reader: new URL('testing/scripted-reader.ts', import.meta.url).href,
};

let dir: string;
let open: OpenEngine | null = null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-engine-'));
});
afterEach(async () => {
  // What hangs is not waited for.
  await open?.pool.close();
  await open?.engine.close(AbortSignal.abort());
  open = null;
  rmSync(dir, { recursive: true, force: true });
});

async function scripted(more: Partial<ThreadEngineOptions> = {}): Promise<ThreadEngine> {
  open = await openEngine(join(dir, 'scripted.json'), { modules: MODULES, ...more });
  return open.engine;
}

const append = (engine: ThreadEngine, type: string, bytes = 0): Promise<AppendResult> =>
  engine.append({ writes: [{ stream: 's', events: [{ type, data: 'x'.repeat(bytes) }] }] });

const versionOf = async (engine: ThreadEngine, stream: string): Promise<number> =>
  (await engine.read('streamInfo', { stream })).version;

const errorOf = (promise: Promise<unknown>): Promise<PlexusError> =>
  promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: PlexusError) => error,
  );

const ids = (): string[] => open!.registry.members('store:default/test').map(({ id }) => id);

describe('appends', () => {
  it('of one turn are answered each, in order', async () => {
    const engine = await scripted();
    const results = await Promise.all(Array.from({ length: 300 }, () => append(engine, 'plain')));
    expect(results.map(({ position }) => position)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(engine.lastPosition).toBe(299);
    expect(engine.queueBytes).toBe(0);
  });

  it('that a dying writer stored are answered as that first time, and stored once', async () => {
    const engine = await scripted();
    await append(engine, 'plain');
    const [, died, after] = await Promise.all(['plain', 'die-after', 'plain'].map((type) => append(engine, type)));
    expect([died, after].map((result) => result!.position)).toEqual([2, 3]);
    expect(died!.duplicate).toBe(true);
    expect(engine.workers[0]).toMatchObject({ role: 'writer', restarts: 1 });
    expect(engine.problem).toBeNull();
  });

  it('that a dying writer did not store are given to the next, in their order', async () => {
    const engine = await scripted();
    const types = ['plain', 'die-before', 'plain', 'plain'];
    const results = await Promise.all(types.map((type) => append(engine, type)));
    expect(results.map(({ position }) => position)).toEqual([0, 1, 2, 3]);
  });

  it('are tried again while the store is unavailable, alone', async () => {
    const engine = await scripted();
    const busy = append(engine, 'busy');
    expect((await append(engine, 'plain')).position).toBe(0);
    expect((await busy).position).toBe(1);
  });

  it('are refused at once when the disk is full, and the store says so until one succeeds', async () => {
    const engine = await scripted();
    expect((await errorOf(append(engine, 'full'))).code).toBe('store_full');
    expect(engine.problem).toMatch(/no room on the disk/);
    await append(engine, 'plain');
    expect(engine.problem).toBeNull();
  });

  it('beyond the bound of the queue are refused, saying when to come again, and others go on', async () => {
    const engine = await scripted({ queueBytes: 10_000 });
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => append(engine, 'plain', 1000)));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as PlexusError] : []));
    expect(results.length - refused.length).toBe(7);
    expect(refused[0]).toMatchObject({ code: 'overloaded', details: { store: 'test', retryAfterMs: 100 } });
    // What was refused left nothing behind.
    expect((await append(engine, 'plain', 1000)).position).toBe(7);
    expect(engine.queueBytes).toBe(0);
    // Larger than the bound, but alone.
    await append(engine, 'plain', 20_000);
  });

  it('that wait for another try count for the bound', async () => {
    const engine = await scripted({ queueBytes: 10_000 });
    const waiting = Array.from({ length: 7 }, () => append(engine, 'busy', 1000));
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect((await errorOf(append(engine, 'plain', 1000))).code).toBe('overloaded');
    await Promise.all(waiting);
    await append(engine, 'plain', 1000);
  });
});

describe('writes that are asked for while another is encoded', () => {
  it('are refused, and the other is stored as it is', async () => {
    const engine = await scripted();
    const inner: Promise<PlexusError>[] = [];
    const reentrant = {
      toJSON: () => {
        inner.push(errorOf(append(engine, 'inner')), errorOf(engine.write('deleteSubscription', { name: 'x' })));
        return 'outer';
      },
    };
    const outer = engine.append({ writes: [{ stream: 's', events: [{ type: 'plain', data: reentrant }] }] });
    const all = await Promise.all([append(engine, 'plain'), outer, append(engine, 'plain')]);
    expect(all.map(({ position }) => position).sort()).toEqual([0, 1, 2]);
    expect((await Promise.all(inner)).map(({ code }) => code)).toEqual(['bad_request', 'bad_request']);
    expect(engine.workers[0]!.restarts).toBe(0);
  });
});

describe('a registry that refuses', () => {
  it('is said in the log, and work goes on', async () => {
    const said: string[] = [];
    const log = createLogger({ level: 'error', destination: { write: (line: string) => said.push(line) } });
    const refuse = async (): Promise<void> => {
      throw new Error('as told');
    };
    const registry = { join: refuse, leave: refuse, members: () => [], watch: () => () => {} };
    const engine = await scripted({ registry, log });
    expect((await append(engine, 'plain')).position).toBe(0);
    await engine.close();
    expect(said.filter((line) => line.includes('store_registry_failed'))).toHaveLength(6);
  });
});

describe('a writer that dies again and again', () => {
  it('of one of many writes fails that one alone, and stores the others in their order', async () => {
    const engine = await scripted();
    const results = await Promise.allSettled(['plain', 'plain', 'die', 'plain', 'plain'].map((t) => append(engine, t)));
    const seen = results.map((r) => (r.status === 'fulfilled' ? r.value.position : (r.reason as PlexusError).code));
    expect(seen).toEqual([0, 1, 'store_unavailable', 2, 3]);
    expect(engine.workers[0]!.restarts).toBe(3);
    // Nobody goes one at a time any more.
    await Promise.all(Array.from({ length: 300 }, () => append(engine, 'plain')));
    expect([engine.problem, engine.queueBytes]).toEqual([null, 0]);
  }, 30_000);

  it('that hangs keeps its callers no longer than the timeout of a request', async () => {
    const engine = await scripted({ timeoutMs: 200, retryMs: 5000 });
    const start = performance.now();
    const [hung, behind] = [errorOf(append(engine, 'hang')), errorOf(append(engine, 'plain'))];
    for (const error of [await hung, await behind]) {
      expect(error).toMatchObject({ code: 'timeout', retryable: true, details: { timeoutMs: 200 } });
    }
    expect(performance.now() - start).toBeLessThan(2000);
    expect(engine.problem).toMatch(/the writer has not answered/);
  });

  it('is started 5 times in 60 s; then the store says what is wrong, and fails at once', async () => {
    const engine = await scripted();
    // Each kills the writer, and its successor that is given the same.
    for (let i = 0; i < 3; i++) {
      const doomed = append(engine, 'die');
      expect(await errorOf(doomed)).toMatchObject({ code: 'store_unavailable', details: { store: 'test' } });
    }
    expect(engine.workers[0]!.restarts).toBe(5);
    expect(engine.problem).toMatch(/writer died 6 times, last of: thread \d+ ended with code 1/);
    const start = performance.now();
    expect((await errorOf(append(engine, 'plain'))).code).toBe('store_unavailable');
    expect(performance.now() - start).toBeLessThan(100);
    // Reading goes on.
    await versionOf(engine, 's');
    expect(ids().sort()).toEqual(['node/reader 0', 'node/reader 1']);
  }, 30_000);
});

describe('readers', () => {
  it('are asked in turn', async () => {
    const engine = await scripted();
    const threads = await Promise.all(Array.from({ length: 6 }, () => versionOf(engine, 's')));
    expect(new Set(threads).size).toBe(2);
    expect(threads.slice(0, 2)).toEqual(threads.slice(2, 4));
    expect(new Set(open!.engine.workers.map(({ thread }) => thread)).size).toBe(3);
  });

  it('that hang are left for another after the timeout', async () => {
    const engine = await scripted({ timeoutMs: 100, retryMs: 1500 });
    const start = performance.now();
    const [hung, other] = [engine.read('streamInfo', { stream: 'hang' }), versionOf(engine, 's')];
    const hanging = errorOf(hung);
    await other;
    // Both hang in the end: then it is over.
    expect(await hanging).toMatchObject({ code: 'timeout' });
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it('take as long as they need for a verification, and others answer meanwhile', async () => {
    const engine = await scripted({ timeoutMs: 100, retryMs: 200 });
    const start = performance.now();
    const verified = engine.read('verify', { from: 0, stream: 'slow' } as never);
    const threads = await Promise.all(Array.from({ length: 4 }, () => versionOf(engine, 's')));
    expect(new Set(threads).size).toBe(1);
    expect(performance.now() - start).toBeLessThan(SLOW_MS);
    expect(threads).not.toContain(((await verified) as unknown as { version: number }).version);
  });

  it('that die are left for another, come back, and are in the registry as long as they live', async () => {
    const engine = await scripted();
    expect(ids().sort()).toEqual(['node/reader 0', 'node/reader 1', 'node/writer']);
    const changes: string[] = [];
    open!.registry.watch('store:default/test', ({ kind, member }) => changes.push(`${member.id} ${kind}`));
    const thread = engine.workers.find(({ id }) => id === 'reader 0')!.thread!;
    const reads = Array.from({ length: 50 }, () => versionOf(engine, 's'));
    await open!.pool.terminate(thread);
    await Promise.all(reads);
    await expect.poll(() => changes).toEqual(['node/reader 0 left', 'node/reader 0 joined']);
    expect(engine.workers.find(({ id }) => id === 'reader 0')).toMatchObject({ restarts: 1 });
    await open!.close();
    expect(ids()).toEqual([]);
  });

  it('refuse what cannot be asked, and answer the rest', async () => {
    const engine = await scripted();
    const stream = (() => 's') as unknown as string;
    const [refused, answered] = [errorOf(engine.read('streamInfo', { stream })), versionOf(engine, 's')];
    const [other, alike] = [versionOf(engine, 's'), versionOf(engine, 's')];
    expect((await refused).code).toBe('bad_request');
    await Promise.all([answered, other, alike]);
    const cyclic: { data: unknown } = { data: null };
    cyclic.data = cyclic;
    const saving = engine.write('saveSnapshot', { stream: 's', version: 0, data: cyclic, metadata: null });
    expect((await errorOf(saving)).code).toBe('bad_request');
  });

  it('fail with what they answer, after trying again where that may help', async () => {
    const engine = await scripted({ retryMs: 1000 });
    const start = performance.now();
    expect(await errorOf(versionOf(engine, 'damaged'))).toMatchObject({
      code: 'store_damaged',
      details: { position: 7 },
    });
    expect(performance.now() - start).toBeLessThan(90);
    expect(engine.problem).toMatch(/test.db is damaged/);
    const busySince = performance.now();
    expect(await errorOf(versionOf(engine, 'busy'))).toMatchObject({ code: 'store_unavailable' });
    const tookMs = performance.now() - busySince;
    // Waits of 50 to 100, 100 to 200 and 200 to 400 ms, as the jitter falls; then the next would come too late.
    expect(tookMs).toBeGreaterThan(300);
    expect(tookMs).toBeLessThan(1500);
  });
});

describe('closing', () => {
  it('finishes what was accepted, and takes nothing more', async () => {
    const engine = await scripted();
    const last = append(engine, 'plain');
    const read = versionOf(engine, 's');
    const closed = engine.close();
    expect((await errorOf(append(engine, 'plain'))).code).toBe('shutting_down');
    await Promise.all([closed, engine.close()]);
    expect((await last).position).toBe(0);
    await read;
  });

  it('fails what is not finished at the deadline', async () => {
    const engine = await scripted();
    const hanging = errorOf(append(engine, 'hang'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    void engine.close(AbortSignal.timeout(100));
    expect((await hanging).code).toBe('shutting_down');
  });

  it('lets go of the file', async () => {
    const engine = await scripted();
    expect(await errorOf(openEngine(engine.file, { modules: MODULES }))).toMatchObject({ code: 'store_locked' });
    await engine.close();
    await (await openEngine(engine.file, { modules: MODULES })).close();
  });
});
