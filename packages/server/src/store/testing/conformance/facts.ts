import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engine.ts';
import type { NameListing } from '../../operations.ts';
import { decodePage } from '../../page.ts';
import type { NamePage } from '../../reads.ts';
import { append, type OpenEngine, onEngine, plain, readAll, refusal, uuid } from '../engine-steps.ts';

const listing = (rest: Partial<NameListing> = {}): NameListing => ({ prefix: '', after: null, limit: 100, ...rest });

/** Pages of a listing, joined. */
async function listAll<T>(
  list: (request: NameListing) => Promise<NamePage<T>>,
  request: Partial<NameListing>,
): Promise<T[]> {
  const items: T[] = [];
  for (let after: string | null = null, calls = 0; calls < 1000; calls++) {
    const page: NamePage<T> = await list(listing({ ...request, after }));
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
  throw new Error('a listing has no end');
}

const NAMES = ['a', 'a%', 'a/b', 'aa', 'ab', 'b', 'B', 'ü', 'ｆ', '🎉', '_', '*'];
const inOrder = NAMES.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Facts about streams, types, tags and the store. */
export function describeFacts(open: OpenEngine): void {
  const named = async (engine: Engine): Promise<void> => {
    for (const [i, name] of NAMES.entries()) {
      await append(engine, name, Array(i + 1).fill({ type: `type ${name}`, tags: [name, 'all'] }));
    }
  };

  describe('facts', () => {
    it('of a stream: version, count, when it was made and last written', () =>
      onEngine(open, async (engine, test) => {
        test.setWallMs?.(1_800_000_000_000);
        const made = await append(engine, 'a', ['x', 'x']);
        test.setWallMs?.(1_800_000_005_000);
        const written = await append(engine, 'a', ['x']);
        test.setWallMs?.(1_800_000_009_000);
        await append(engine, 'b', ['x']);
        expect(await engine.read('streamInfo', { stream: 'a' })).toEqual({
          ...{ stream: 'a', version: 2, exists: true, tombstoned: false, count: 3 },
          ...{ createdUs: made.timeUs, lastWrittenUs: written.timeUs },
        });
        expect(await refusal(engine.read('streamInfo', { stream: 'c' }))).toEqual({
          code: 'stream_not_found',
          stream: 'c',
        });
      }));

    it('of the store: events, streams, bytes, last position, and an id that stays', () =>
      onEngine(open, async (engine, test) => {
        const before = await engine.read('storeInfo', {});
        expect(before).toMatchObject({ events: 0, streams: 0, lastPosition: -1 });
        await append(engine, 'a', ['x', 'x']);
        await append(engine, 'b', ['x']);
        const info = await engine.read('storeInfo', {});
        expect(info).toMatchObject({ id: before.id, events: 3, streams: 2, lastPosition: 2 });
        expect(info.bytes).toBeGreaterThan(0);
        expect(info.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        if (test.reopen === null) return;
        const reopened = await test.reopen();
        expect(await reopened.read('storeInfo', {})).toMatchObject({
          id: before.id,
          events: 3,
          streams: 2,
          lastPosition: 2,
        });
      }));

    it('list streams in the order of their names, by prefix and in pages', () =>
      onEngine(open, async (engine) => {
        await named(engine);
        const streams = async (request: Partial<NameListing>): Promise<string[]> =>
          (await listAll((whole) => engine.read('listStreams', whole), request)).map(({ stream }) => stream);
        for (const limit of [1, 2, 5, 100]) expect(await streams({ limit })).toEqual(inOrder);
        expect(await streams({ prefix: 'a', limit: 2 })).toEqual(['a', 'a%', 'a/b', 'aa', 'ab']);
        expect(await streams({ prefix: '_' })).toEqual(['_']);
        expect(await streams({ prefix: '*' })).toEqual(['*']);
        expect(await streams({ prefix: 'c' })).toEqual([]);
        expect(await engine.read('listStreams', listing({ after: 'a/c', limit: 2 }))).toMatchObject({
          items: [{ stream: 'aa' }, { stream: 'ab' }],
          next: 'ab',
        });
      }));

    it('list deleted streams too, as deleted', () =>
      onEngine(open, async (engine) => {
        for (const stream of ['a', 'b', 'c']) await append(engine, stream, ['x']);
        await engine.write('deleteStream', { stream: 'a', tombstone: false });
        await engine.write('deleteStream', { stream: 'b', tombstone: true });
        const { items } = await engine.read('listStreams', listing());
        expect(items.map(({ stream, exists, tombstoned, count }) => [stream, exists, tombstoned, count])).toEqual([
          ['a', false, false, 0],
          ['b', false, true, 0],
          ['c', true, false, 1],
        ]);
      }));

    it('list types and tags with the number of events that have them', () =>
      onEngine(open, async (engine) => {
        await named(engine);
        const types = await listAll((whole) => engine.read('listTypes', whole), { limit: 3 });
        expect(types).toEqual(inOrder.map((name) => ({ name: `type ${name}`, count: NAMES.indexOf(name) + 1 })));
        const tags = await listAll((whole) => engine.read('listTags', whole), { prefix: 'a', limit: 2 });
        const total = (NAMES.length * (NAMES.length + 1)) / 2;
        expect(tags).toEqual(
          ['a', 'a%', 'a/b', 'aa', 'ab', 'all'].map((name) => ({ name, count: NAMES.indexOf(name) + 1 || total })),
        );
        await engine.write('deleteStream', { stream: 'b', tombstone: true });
        expect(await engine.read('listTags', listing({ prefix: 'b' }))).toEqual({
          items: [{ name: 'b', count: 6 }],
          next: null,
        });
      }));

    it('count names that a refused append brought not at all', () =>
      onEngine(open, async (engine) => {
        await refusal(append(engine, 'a', [{ type: 'x', tags: ['t'] }], 4));
        for (const operation of ['listTypes', 'listTags', 'listStreams'] as const) {
          expect(await engine.read(operation, listing())).toEqual({ items: [], next: null });
        }
      }));

    it('of a version at a time', () =>
      onEngine(open, async (engine, test) => {
        const times: number[] = [];
        for (let i = 0; i < 4; i++) {
          test.setWallMs?.(1_800_000_000_000 + i * 1000);
          times.push((await append(engine, 'a', ['x', 'x'])).timeUs);
          await append(engine, 'b', ['x']);
        }
        for (const timeUs of times.flatMap((time) => [time - 1, time, time + 1])) {
          const version = times.filter((time) => time <= timeUs).length * 2 - 1;
          expect(await engine.read('versionAt', { stream: 'a', timeUs })).toEqual({ version });
        }
        expect((await refusal(engine.read('versionAt', { stream: 'c', timeUs: 0 }))).code).toBe('stream_not_found');
      }));

    it('of one event by its id, in any case', () =>
      onEngine(open, async (engine) => {
        const id = 'abcdef00-0000-4000-8000-00000000000f';
        await append(engine, 'a', ['x', { id: id.toUpperCase(), type: 'y', data: { a: 1 }, tags: ['t'] }]);
        const stored = (await readAll(engine))[1]!;
        for (const asked of [id, id.toUpperCase()]) {
          const page = await engine.read('eventById', { id: asked });
          expect(page).toMatchObject({ count: 1, next: null, lastPosition: 1 });
          expect(decodePage(page).map(plain)).toEqual([plain(stored)]);
        }
        expect((await refusal(engine.read('eventById', { id: uuid(404) }))).code).toBe('event_not_found');
      }));

    it('find nothing amiss in what was just written', () =>
      onEngine(open, async (engine) => {
        await named(engine);
        await engine.write('deleteStream', { stream: 'a', tombstone: true });
        let events = 0;
        for (let from: number | null = 0; from !== null; ) {
          const report: { events: number; faults: readonly object[]; next: number | null } = await engine.read(
            'verify',
            { from },
          );
          expect(report.faults).toEqual([]);
          events += report.events;
          from = report.next;
        }
        expect(events).toBe((NAMES.length * (NAMES.length + 1)) / 2);
      }));
  });
}
