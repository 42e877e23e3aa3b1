import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import type { ReadRequest } from '../store/reads.ts';
import { StoreHandle } from './store-handle.ts';
import { type OpenEngine, openEngine } from './testing/open-engine.ts';
import type { ThreadEngine } from './thread-engine.ts';

const EVENTS = 10;
/** Five pages. */
const READ: ReadRequest = {
  stream: null,
  filter: {},
  direction: 'forwards',
  from: null,
  limit: 2,
  maxBytes: 1024 * 1024,
  form: 'frames',
};
/** As long as a read that should not be there would take, some times over. */
const A_WHILE_MS = 20;

let dir: string;
let open: OpenEngine;
let store: StoreHandle;
let reading: MockInstance<ThreadEngine['read']>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-handle-'));
  open = await openEngine(join(dir, 'test.db'));
  const { engine } = open;
  const log = createLogger({ level: 'silent' });
  store = await StoreHandle.open({ name: 'test', realm: 'default', engine, clock: systemClock, log });
  const events = Array.from({ length: EVENTS }, (_, i) => ({ type: 't', data: i }));
  await store.append({ writes: [{ stream: 's', events }] });
  reading = vi.spyOn(engine, 'read');
});
afterEach(async () => {
  await store.close();
  await open.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Reads of the engine, after as long as it would take to begin another. */
async function reads(): Promise<number> {
  await sleep(A_WHILE_MS);
  return reading.mock.calls.length;
}

describe('pages', () => {
  it('are read one ahead of a slow caller, and no more', async () => {
    const pages = store.pages(READ);
    const seen = [await reads()];
    for (let page = await pages.next(); page.done !== true; page = await pages.next()) {
      expect(page.value.count).toBe(2);
      seen.push(await reads());
    }
    expect(seen).toEqual([0, 2, 3, 4, 5, 5]);
  });

  it('are not read on for a caller who leaves', async () => {
    const pages = store.pages(READ);
    await pages.next();
    await pages.return();
    expect([await reads(), await pages.next()]).toEqual([2, { value: undefined, done: true }]);
  });

  it('end quietly with their signal, between two pages and while one is awaited', async () => {
    const over = { value: undefined, done: true };
    const between = new AbortController();
    const pages = store.pages(READ, between.signal);
    await pages.next();
    between.abort();
    expect([await pages.next(), await reads()]).toEqual([over, 2]);
    const meanwhile = new AbortController();
    const awaited = store.pages(READ, meanwhile.signal).next();
    meanwhile.abort();
    expect([await awaited, await reads()]).toEqual([over, 3]);
  });

  it('throw an error of the one that was read ahead when its turn comes, and not before', async () => {
    const pages = store.pages(READ);
    await pages.next();
    // Not by the spy, which looks at every promise: one that nobody looks at would end the process.
    open.engine.read = () => Promise.reject(new PlexusError('timeout', { what: 'a read', timeoutMs: 1 }));
    expect((await pages.next()).value).toMatchObject({ count: 2 });
    await sleep(A_WHILE_MS);
    await expect(pages.next()).rejects.toMatchObject({ code: 'timeout' });
  });
});

describe('events', () => {
  it('are all there, and read one page ahead of a slow caller', async () => {
    const seen: [data: unknown, reads: number][] = [];
    for await (const { data } of store.events({ limit: 4 })) seen.push([data, await reads()]);
    expect(seen.map(([data]) => data)).toEqual(Array.from({ length: EVENTS }, (_, i) => i));
    // Three pages: of four, four and two.
    expect(seen.map(([, count]) => count)).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 3, 3]);
  });

  it('are not read on for a caller who has enough', async () => {
    for await (const { data } of store.events({ limit: 2 })) if (data === 2) break;
    expect(await reads()).toBe(3);
  });
});
