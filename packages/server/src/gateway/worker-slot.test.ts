import { setImmediate as turn } from 'node:timers/promises';
import { PlexusError } from '@plexus/protocol';
import { expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { createLogger } from '../lib/log.ts';
import { LocalWorkerRegistry } from './local-worker-registry.ts';
import { FakePool } from './testing/fake-pool.ts';
import { WorkerSlot } from './worker-slot.ts';

const SECOND = 1000;
const AS_TOLD = new Error('as told\n    at a line of the stack');
const PROBLEM = 'reader 0 died 6 times, last of: as told';

function makeSlot() {
  const pool = new FakePool();
  const clock = new FakeClock();
  const registry = new LocalWorkerRegistry();
  /** What it told, in order. */
  const told: string[] = [];
  const slot = new WorkerSlot(
    {
      ...{ store: 'test', group: 'group', nodeId: 'node', registry, clock },
      pool: pool.asPool,
      log: createLogger({ level: 'silent' }),
    },
    {
      ...{ id: 'reader 0', role: 'reader', module: 'none', init: null, avoid: () => [], onMessage: () => {} },
      onUp: () => told.push('up'),
      onDown: () => told.push('down'),
      onGivenUp: (problem) => told.push(problem),
    },
  );
  const die = async (times = 1, error: Error = AS_TOLD): Promise<void> => {
    for (let i = 0; i < times; i++) {
      pool.end(slot.handle!.thread, error);
      await turn();
    }
  };
  const members = (): string[] => registry.members('group').map(({ id }) => id);
  return { pool, clock, told, slot, die, members };
}

it('is started again 5 times in 60 s, then stays down and says why', async () => {
  const { clock, told, slot, die, members, pool } = makeSlot();
  await slot.start();
  await die(5);
  expect(told).toEqual(['up', ...Array.from({ length: 5 }, () => ['down', 'up']).flat()]);
  expect([slot.restarts, slot.problem, members()]).toEqual([5, null, ['node/reader 0']]);
  await die();
  expect(told.slice(-2)).toEqual(['down', PROBLEM]);
  expect([slot.handle, slot.restarts, slot.problem]).toEqual([null, 5, PROBLEM]);
  expect([members(), pool.threads]).toEqual([[], []]);
  clock.advance(60 * SECOND - 1);
  await turn();
  expect([slot.handle, slot.problem]).toEqual([null, PROBLEM]);
});

it('is started again when the 60 s are over, counted from the first of the 5', async () => {
  const { clock, told, slot, die, members } = makeSlot();
  await slot.start();
  for (let i = 0; i < 5; i++) {
    await die();
    clock.advance(10 * SECOND);
  }
  await die();
  expect(slot.problem).toBe(PROBLEM);
  clock.advance(10 * SECOND);
  await turn();
  expect(told.at(-1)).toBe('up');
  expect([slot.restarts, slot.problem, members()]).toEqual([6, null, ['node/reader 0']]);
  // The others of the last 60 s still count.
  await die();
  expect(slot.problem).toBe('reader 0 died 7 times, last of: as told');
});

it('stays down, and is tried again, while it cannot be started', async () => {
  const { pool, clock, told, slot, die } = makeSlot();
  await slot.start();
  pool.refuses = new Error('no thread');
  await die();
  // Each try that fails is a restart.
  const problem = 'reader 0 died 6 times, last of: no thread';
  expect([told, slot.restarts]).toEqual([['up', 'down', problem], 5]);
  pool.refuses = null;
  clock.advance(60 * SECOND);
  await turn();
  expect([told.at(-1), slot.problem]).toEqual(['up', null]);
});

it('is not started again after an error that time does not mend', async () => {
  const { clock, told, slot, die } = makeSlot();
  await slot.start();
  const newer = new PlexusError('store_newer', { file: 'test.db', found: 3, known: 2 });
  await die(1, newer);
  expect([told.at(-1), slot.problem, slot.restarts]).toEqual([newer.message, newer.message, 0]);
  expect(clock.pending).toBe(0);
});

it('that cannot be started at first says so, and is not tried again', async () => {
  const { pool, clock, told, slot } = makeSlot();
  pool.refuses = AS_TOLD;
  await expect(slot.start()).rejects.toBe(AS_TOLD);
  expect([told, slot.restarts, clock.pending]).toEqual([[], 0, 0]);
});

it('is not started again once it is stopped', async () => {
  const { pool, clock, slot, die, members } = makeSlot();
  await slot.start();
  await die(6);
  expect(clock.pending).toBe(1);
  await slot.stop();
  expect(clock.pending).toBe(0);
  clock.advance(120 * SECOND);
  await turn();
  expect([slot.handle, members(), pool.threads]).toEqual([null, [], []]);
});
