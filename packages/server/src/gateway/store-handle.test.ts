import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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
/** As long as a read that should not be there would take, many times over. */
const A_WHILE_MS = 50;

let dir: string;
let open: OpenEngine;
let store: StoreHandle;
let reading: ReturnType<typeof vi.spyOn<ThreadEngine, 'read'>>;

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

  it('end quietly with their signal, and are not read on', async () => {
    const abort = new AbortController();
    const pages = store.pages(READ, abort.signal);
    await pages.next();
    abort.abort();
    expect([await pages.next(), await reads()]).toEqual([{ value: undefined, done: true }, 2]);
  });

  it('throw an error of the one that was read ahead when its turn comes', async () => {
    const pages = store.pages(READ);
    await pages.next();
    reading.mockRejectedValueOnce(new PlexusError('timeout', { what: 'a read', timeoutMs: 1 }));
    expect((await pages.next()).value).toMatchObject({ count: 2 });
    expect(await reads()).toBe(3);
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
