import { describe, expect, it } from 'vitest';
import { append, type OpenEngine, onEngine, readAll, refusal, uuid } from '../engine-steps.ts';

/** Soft deletes and tombstones. */
export function describeDeletes(open: OpenEngine): void {
  const remove = { stream: 'a', tombstone: false };
  const bury = { stream: 'a', tombstone: true };

  describe('a deleted stream', () => {
    it('cannot be read, and its events stay in the store', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x', 'y']);
        await append(engine, 'b', ['x']);
        expect(await engine.write('deleteStream', remove)).toEqual({ version: 1 });
        expect(await refusal(readAll(engine, { stream: 'a' }))).toMatchObject({ code: 'stream_deleted', stream: 'a' });
        expect((await readAll(engine)).map(({ position }) => position)).toEqual([0, 1, 2]);
        expect(await engine.read('streamInfo', { stream: 'a' })).toMatchObject({
          ...{ version: 1, exists: false, tombstoned: false, count: 0 },
        });
        expect(await engine.read('storeInfo', {})).toMatchObject({ streams: 1, events: 3 });
      }));

    it('goes on with its versions when it is written again, and shows only what came since', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x', 'y']);
        await engine.write('deleteStream', remove);
        expect(await append(engine, 'a', ['z', 'z'], 'none')).toMatchObject({ versions: [3], position: 3 });
        for (const from of [null, 0, 1, 2]) {
          expect((await readAll(engine, { stream: 'a', from })).map(({ version }) => version)).toEqual([2, 3]);
        }
        const backwards = await readAll(engine, { stream: 'a', direction: 'backwards' });
        expect(backwards.map(({ version }) => version)).toEqual([3, 2]);
        expect(await readAll(engine, { stream: 'a', direction: 'backwards', from: 1 })).toEqual([]);
        expect(await engine.read('streamInfo', { stream: 'a' })).toMatchObject({ version: 3, exists: true, count: 2 });
        expect(await readAll(engine)).toHaveLength(4);
      }));

    it('can be deleted and revived again and again', () =>
      onEngine(open, async (engine) => {
        for (let i = 0; i < 5; i++) {
          expect(await append(engine, 'a', ['x'], i === 0 ? 'none' : i - 1)).toMatchObject({ versions: [i] });
          expect(await engine.write('deleteStream', remove)).toEqual({ version: i });
          expect(await engine.write('deleteStream', remove)).toEqual({ version: i });
        }
        expect((await refusal(readAll(engine, { stream: 'a' }))).code).toBe('stream_deleted');
      }));

    it('is deleted only as expected', () =>
      onEngine(open, async (engine) => {
        expect((await refusal(engine.write('deleteStream', remove))).code).toBe('stream_not_found');
        expect((await refusal(engine.write('deleteStream', bury))).code).toBe('stream_not_found');
        await append(engine, 'a', ['x', 'y']);
        for (const expectedVersion of [0, 2, 'none'] as const) {
          const refused = await refusal(engine.write('deleteStream', { ...remove, expectedVersion }));
          expect(refused).toMatchObject({
            code: 'wrong_expected_version',
            stream: 'a',
            expected: expectedVersion,
            actual: 1,
          });
        }
        expect(await readAll(engine, { stream: 'a' })).toHaveLength(2);
        expect(await engine.write('deleteStream', { ...remove, expectedVersion: 1 })).toEqual({ version: 1 });
        const refused = await refusal(engine.write('deleteStream', { ...remove, expectedVersion: 'exists' }));
        expect(refused.code).toBe('wrong_expected_version');
      }));

    it('is left alone by an expectation that is none', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x']);
        for (const expectedVersion of [-2, -3, 0.5, 'nonsense'] as never[]) {
          const refused = await refusal(engine.write('deleteStream', { ...remove, expectedVersion }));
          expect(refused.code).toBe('bad_request');
        }
        expect(await readAll(engine, { stream: 'a' })).toHaveLength(1);
      }));

    it('sees deletes and appends in the order in which they were asked for', () =>
      onEngine(open, async (engine) => {
        const answers = await Promise.all([
          append(engine, 'a', ['x']),
          engine.write('deleteStream', remove),
          append(engine, 'a', ['y'], 'none'),
          engine.write('deleteStream', { ...remove, expectedVersion: 1 }),
        ]);
        expect(answers).toMatchObject([{ versions: [0] }, { version: 0 }, { versions: [1] }, { version: 1 }]);
      }));
  });

  describe('a tombstone', () => {
    it('takes nothing ever again', () =>
      onEngine(open, async (engine, test) => {
        await append(engine, 'a', [{ id: uuid(1), type: 'x' }]);
        expect(await engine.write('deleteStream', bury)).toEqual({ version: 0 });
        const refusesAll = async (buried: typeof engine): Promise<void> => {
          for (const expected of ['any', 'none', 'exists', 0, 1] as const) {
            const refused = await refusal(append(buried, 'a', ['y'], expected));
            expect(refused).toEqual({ code: 'stream_tombstoned', stream: 'a' });
          }
          for (const request of [remove, bury]) {
            expect((await refusal(buried.write('deleteStream', request))).code).toBe('stream_tombstoned');
          }
          expect((await refusal(readAll(buried, { stream: 'a' }))).code).toBe('stream_tombstoned');
          expect((await refusal(readAll(buried, { stream: 'a', direction: 'backwards' }))).code).toBe(
            'stream_tombstoned',
          );
          expect(await buried.read('streamInfo', { stream: 'a' })).toMatchObject({
            exists: false,
            tombstoned: true,
            count: 0,
          });
          expect(await readAll(buried)).toHaveLength(1);
          const writes = [
            { stream: 'b', events: [{ type: 'x' }] },
            { stream: 'a', events: [{ type: 'x' }] },
          ];
          expect((await refusal(buried.append({ writes }))).code).toBe('stream_tombstoned');
        };
        await refusesAll(engine);
        if (test.reopen !== null) await refusesAll(await test.reopen());
      }));

    it('may come after a soft delete', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x', 'x']);
        await engine.write('deleteStream', remove);
        expect(await engine.write('deleteStream', bury)).toEqual({ version: 1 });
        expect((await refusal(append(engine, 'a', ['x']))).code).toBe('stream_tombstoned');
      }));
  });
}
