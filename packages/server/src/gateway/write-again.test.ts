import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExpectedVersion } from '../store/append.ts';
import type { WriteName } from '../store/operations.ts';
import { dieFile } from './testing/dying-writer.ts';
import { type OpenEngine, openEngine } from './testing/open-engine.ts';

const MODULES = {
  writer: new URL('testing/dying-writer.ts', import.meta.url).href,
  reader: new URL('reader-host.ts', import.meta.url).href,
};

let dir: string;
let open: OpenEngine;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-again-'));
  open = await openEngine(join(dir, 'store.db'), { modules: MODULES });
});
afterEach(async () => {
  await open.close();
  rmSync(dir, { recursive: true, force: true });
});

const append = (data: unknown, expectedVersion: ExpectedVersion = 'any') =>
  open.engine.append({ writes: [{ stream: 's', expectedVersion, events: [{ type: 't', data }] }] });

const remove = (expectedVersion: ExpectedVersion = 'any') =>
  open.engine.write('deleteStream', { stream: 's', tombstone: false, expectedVersion });

const die = (): void => writeFileSync(dieFile(open.engine.file), '');

describe('a delete that a writer did and did not live to answer', () => {
  it('is done once: what was appended after it stays', async () => {
    await append(0);
    die();
    const [deleted, appended] = await Promise.all([remove(), append('after the delete')]);
    expect([deleted, appended.versions]).toEqual([{ version: 0 }, [1]]);
    expect(open.engine.workers[0]!.restarts).toBe(1);
    expect(await open.engine.read('streamInfo', { stream: 's' })).toMatchObject({ exists: true, count: 1, version: 1 });
  });

  it('and was refused stays refused, though it would pass now', async () => {
    die();
    const early = await Promise.allSettled([remove(), append(0)]);
    expect(early).toMatchObject([{ reason: { code: 'stream_not_found' } }, { value: { versions: [0] } }]);
    die();
    const late = await Promise.allSettled([remove(1), append(1)]);
    expect(late).toMatchObject([{ reason: { code: 'wrong_expected_version' } }, { value: { versions: [1] } }]);
    expect(open.engine.workers[0]!.restarts).toBe(2);
    expect(await open.engine.read('streamInfo', { stream: 's' })).toMatchObject({ exists: true, count: 2 });
  });

  it('is another delete when it is asked for again', async () => {
    await append(0);
    await remove();
    await append(1);
    expect(await remove()).toEqual({ version: 1 });
  });
});

describe('a write that is none', () => {
  const definition = { name: 'n', selector: { kind: 'all' }, from: 'start' };
  const progress = { name: 'x', checkpoint: null, state: null, park: [], unpark: [] };
  const parked = { position: 0, reason: 'r', attempts: 1, parkedUs: 1 };

  it.each<[string, unknown]>([
    ['nothing', null],
    ['saveProgress', undefined],
    ['saveProgress', {}],
    ['saveProgress', { items: [{ ...progress, checkpoint: 1.5 }] }],
    ['saveProgress', { items: [{ ...progress, state: 'other' }] }],
    ['saveProgress', { items: [{ ...progress, park: [{ ...parked, reason: null }] }] }],
    ['saveProgress', { items: [{ ...progress, park: [{ ...parked, parkedUs: 0.5 }] }] }],
    ['saveProgress', { items: [{ ...progress, unpark: ['1'] }] }],
    ['deleteSnapshots', { stream: 's' }],
    ['saveSnapshot', { stream: 's', version: '1', data: 1, metadata: null }],
    ['createSubscription', {}],
    ['createSubscription', { definition: { ...definition, from: 1.5 } }],
    ['deleteSubscription', { name: 1 }],
    ['resetSubscription', { name: 'n', checkpoint: true }],
    ['deleteStream', { stream: 's', tombstone: 'no' }],
    ['deleteStream', { stream: 's', tombstone: false, expectedVersion: -2 }],
  ])('is refused, and the writer lives: %s %j', async (operation, request) => {
    const written = open.engine.write(operation as WriteName, request as never);
    await expect(written).rejects.toMatchObject({ code: 'bad_request' });
    expect((await append(0)).position).toBe(0);
    expect(open.engine.workers[0]!.restarts).toBe(0);
    expect(open.engine.queueBytes).toBe(0);
  });
});
