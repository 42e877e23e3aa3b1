import { describe, expect, it } from 'vitest';
import { append, type OpenEngine, onEngine, refusal } from '../engine-steps.ts';

/** Snapshots of streams. */
export function describeSnapshots(open: OpenEngine): void {
  const snapshot = (version: number, data: unknown = { version }, metadata: unknown = null) => ({
    ...{ stream: 'a', version, data, metadata },
  });

  describe('snapshots', () => {
    it('are loaded as they were saved, the latest or one at or before a version', () =>
      onEngine(open, async (engine, test) => {
        await append(engine, 'a', Array(10).fill('x'));
        const saved = await engine.write('saveSnapshot', snapshot(3, { sum: [1, 'ü', null] }, { by: 'me' }));
        expect(saved).toMatchObject({ stream: 'a', version: 3 });
        await engine.write('saveSnapshot', snapshot(9));
        await engine.write('saveSnapshot', snapshot(5));
        const load = async (from: typeof engine, version: number | null): Promise<number> =>
          (await from.read('loadSnapshot', { stream: 'a', version })).version;
        expect(await engine.read('loadSnapshot', { stream: 'a', version: 4 })).toEqual({
          ...snapshot(3, { sum: [1, 'ü', null] }, { by: 'me' }),
          savedUs: saved.savedUs,
        });
        expect([
          await load(engine, null),
          await load(engine, 99),
          await load(engine, 8),
          await load(engine, 5),
        ]).toEqual([...[9, 9, 5, 5]]);
        expect(await refusal(engine.read('loadSnapshot', { stream: 'a', version: 2 }))).toMatchObject({
          ...{ code: 'snapshot_not_found', stream: 'a' },
        });
        if (test.reopen !== null) expect(await load(await test.reopen(), 7)).toBe(5);
      }));

    it('take the place of one of the same version', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x']);
        await engine.write('saveSnapshot', snapshot(0, 'first'));
        await engine.write('saveSnapshot', snapshot(0, 'second'));
        expect((await engine.read('loadSnapshot', { stream: 'a', version: null })).data).toBe('second');
        expect((await engine.read('listSnapshots', { stream: 'a', before: null, limit: 9 })).items).toHaveLength(1);
      }));

    it('are listed newest first, in pages', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', Array(7).fill('x'));
        for (const version of [2, 0, 6, 4, 5]) await engine.write('saveSnapshot', snapshot(version));
        const list = async (before: number | null, limit: number) => {
          const { items, next } = await engine.read('listSnapshots', { stream: 'a', before, limit });
          return [items.map(({ version }) => version), next];
        };
        expect(await list(null, 100)).toEqual([[6, 5, 4, 2, 0], null]);
        expect(await list(null, 2)).toEqual([[6, 5], 5]);
        expect(await list(5, 2)).toEqual([[4, 2], 2]);
        expect(await list(2, 2)).toEqual([[0], null]);
        expect(await list(3, 2)).toEqual([[2, 0], null]);
      }));

    it('are deleted one by one, or all of a stream', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', Array(4).fill('x'));
        await append(engine, 'b', ['x']);
        for (const version of [0, 1, 2]) await engine.write('saveSnapshot', snapshot(version));
        await engine.write('saveSnapshot', { ...snapshot(0), stream: 'b' });
        expect(await engine.write('deleteSnapshots', { stream: 'a', version: 1 })).toEqual({ deleted: 1 });
        expect(await engine.write('deleteSnapshots', { stream: 'a', version: 1 })).toEqual({ deleted: 0 });
        expect(await engine.write('deleteSnapshots', { stream: 'a', version: null })).toEqual({ deleted: 2 });
        expect((await refusal(engine.read('loadSnapshot', { stream: 'a', version: null }))).code).toBe(
          'snapshot_not_found',
        );
        expect((await engine.read('loadSnapshot', { stream: 'b', version: null })).version).toBe(0);
      }));

    it('go with their stream when it is deleted, and do not come back with it', () =>
      onEngine(open, async (engine, test) => {
        await append(engine, 'a', ['x', 'x']);
        await append(engine, 'b', ['x']);
        await engine.write('saveSnapshot', snapshot(1));
        await engine.write('saveSnapshot', { ...snapshot(0), stream: 'b' });
        await engine.write('deleteStream', { stream: 'a', tombstone: false });
        expect((await refusal(engine.write('saveSnapshot', snapshot(1)))).code).toBe('stream_deleted');
        await append(engine, 'a', ['x']);
        const latest = { stream: 'a', version: null };
        expect((await refusal(engine.read('loadSnapshot', latest))).code).toBe('snapshot_not_found');
        expect((await refusal(engine.write('saveSnapshot', snapshot(1)))).code).toBe('bad_request');
        await engine.write('saveSnapshot', snapshot(2));
        await engine.write('deleteStream', { stream: 'a', tombstone: true });
        const last = test.reopen === null ? engine : await test.reopen();
        expect((await refusal(last.write('saveSnapshot', snapshot(2)))).code).toBe('stream_tombstoned');
        expect((await last.read('listSnapshots', { stream: 'a', before: null, limit: 9 })).items).toEqual([]);
        expect((await last.read('listSnapshots', { stream: 'b', before: null, limit: 9 })).items).toHaveLength(1);
      }));

    it('are only of versions that there are', () =>
      onEngine(open, async (engine) => {
        expect((await refusal(engine.write('saveSnapshot', snapshot(0)))).code).toBe('stream_not_found');
        await append(engine, 'a', ['x', 'x']);
        for (const version of [2, -1, 0.5]) {
          expect((await refusal(engine.write('saveSnapshot', snapshot(version)))).code).toBe('bad_request');
        }
        expect((await refusal(engine.read('loadSnapshot', { stream: 'a', version: null }))).code).toBe(
          'snapshot_not_found',
        );
      }));
  });
}
