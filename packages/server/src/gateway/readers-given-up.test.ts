import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { ReadItem } from './messages.ts';
import { FakePool } from './testing/fake-pool.ts';
import { openEngine } from './testing/open-engine.ts';
import type { ThreadEngine } from './thread-engine.ts';

const PROBLEM = 'reader 0 died 6 times, last of: as told';

let dir: string;
let clock: FakeClock;
let pool: FakePool;
let engine: ThreadEngine;
/** As long as it is set, reads are not answered. */
let hangs = false;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-readers-'));
  clock = new FakeClock();
  hangs = false;
  pool = new FakePool((message, reply) => {
    if (hangs) return;
    reply((message as ReadItem[]).map(({ id }) => ({ id, ok: true, result: { version: 7 } })));
  });
  ({ engine } = await openEngine(join(dir, 'test.db'), { pool: pool.asPool, clock, readers: 2 }));
});
afterEach(async () => {
  await engine.close(AbortSignal.abort());
  rmSync(dir, { recursive: true, force: true });
});

const version = async (): Promise<number> => {
  const answer = engine.read('streamInfo', { stream: 's' });
  clock.advance(0);
  return (await answer).version;
};

const refusal = (answer: Promise<unknown>): Promise<PlexusError> =>
  answer.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: PlexusError) => error,
  );

const workerOf = (id: string) => engine.workers.find((worker) => worker.id === id)!;

async function giveUp(id: string): Promise<void> {
  for (let i = 0; i < 6; i++) {
    pool.end(workerOf(id).thread!, new Error('as told'));
    await turn();
  }
  expect(workerOf(id)).toMatchObject({ thread: null, restarts: 5 });
}

it('one reader given up: the other answers all, and the store says what is wrong until it is back', async () => {
  expect(engine.problem).toBeNull();
  await giveUp('reader 0');
  expect(engine.problem).toBe(PROBLEM);
  for (let i = 0; i < 5; i++) expect(await version()).toBe(7);
  clock.advance(60_000);
  await turn();
  expect([engine.problem, workerOf('reader 0').restarts]).toEqual([null, 6]);
  expect(workerOf('reader 0').thread).not.toBeNull();
});

it('all readers given up: reads fail at once, also those that wait, until one is back', async () => {
  await giveUp('reader 1');
  hangs = true;
  const waiting = refusal(version());
  const since = clock.now();
  await giveUp('reader 0');
  const unavailable = { code: 'store_unavailable', details: { store: 'test', reason: PROBLEM } };
  expect(await waiting).toMatchObject(unavailable);
  expect(await refusal(engine.read('streamInfo', { stream: 's' }))).toMatchObject(unavailable);
  expect(engine.problem).toBe(PROBLEM);
  // No time has passed.
  expect(clock.now()).toBe(since);
  hangs = false;
  clock.advance(60_000);
  await turn();
  expect(engine.problem).toBeNull();
  expect(await version()).toBe(7);
});
