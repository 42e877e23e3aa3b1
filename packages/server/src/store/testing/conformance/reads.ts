import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engine.ts';
import { decodePage } from '../../page.ts';
import type { EventFilter } from '../../reads.ts';
import {
  append,
  type EngineUnderTest,
  found,
  type OpenEngine,
  onEngine,
  readAll,
  readPages,
  readRequest,
  refusal,
  uuid,
} from '../engine-steps.ts';

const START_MS = 1_800_000_000_000;

/** Ten events of every kind, at positions 0 to 9; the i-th a minute after the one before, if the clock can be set. */
async function fill(engine: Engine, test: EngineUnderTest): Promise<number[]> {
  const events = [
    ['order-1', { type: 'order.placed', tags: ['a', 'b'], correlationId: 'c1' }],
    ['order-2', { type: 'order.placed', tags: ['a'] }],
    ['order-1', { type: 'order.paid', tags: ['b', 'c'], correlationId: 'c1', causationId: uuid(1) }],
    ['stock', { type: 'stock', tags: [] }],
    ['order-10', { type: 'order.placed', tags: ['c'], correlationId: 'c2' }],
    ['Order-1', { type: 'order', tags: ['a', 'b', 'c'] }],
    ['stock', { type: 'stock.counted', tags: ['A'], causationId: 'elsewhere' }],
    ['order-1', { type: 'order.sent', correlationId: 'c1', causationId: uuid(1) }],
    ['100%_order-', { type: 'odd*', tags: ['%', '_', '*'] }],
    ['stock', { type: 'stock', tags: ['a'] }],
  ] as const;
  const times: number[] = [];
  for (const [i, [stream, event]] of events.entries()) {
    test.setWallMs?.(START_MS + i * 60_000);
    times.push((await append(engine, stream, [event])).timeUs);
  }
  return times;
}

/** Reads of the store and of streams, whole, by filters, and in pages. */
export function describeReads(open: OpenEngine): void {
  describe('a read of the store', () => {
    it.each<[string, EventFilter, number[]]>([
      ['everything', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
      ['a type', { types: ['order.placed'] }, [0, 1, 4]],
      ['several types', { types: ['order.paid', 'stock', 'none'] }, [2, 3, 9]],
      ['a type that no event has', { types: ['none'] }, []],
      ['a prefix of types', { typePrefix: 'order.' }, [0, 1, 2, 4, 7]],
      ['a prefix that is a type', { typePrefix: 'stock' }, [3, 6, 9]],
      ['an odd prefix', { typePrefix: 'odd*' }, [8]],
      ['a pattern', { streamPattern: 'order-*' }, [0, 1, 2, 4, 7]],
      ['a pattern with signs of other languages', { streamPattern: '100%_*' }, [8]],
      ['a pattern of one sign', { streamPattern: '*' }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
      ['a pattern in the middle', { streamPattern: '*rder-1' }, [0, 2, 5, 7]],
      ['a pattern at both ends', { streamPattern: '*order-*' }, [0, 1, 2, 4, 7, 8]],
      ['a pattern with nothing to stand for', { streamPattern: 'stock*' }, [3, 6, 9]],
      ['a pattern that is a name', { streamPattern: 'order-1' }, [0, 2, 7]],
      ['a pattern that no stream has', { streamPattern: 'order_1' }, []],
      ['any tag', { tags: { match: 'any', tags: ['b', 'A'] } }, [0, 2, 5, 6]],
      ['all tags', { tags: { match: 'all', tags: ['a', 'b'] } }, [0, 5]],
      ['a tag that no event has', { tags: { match: 'any', tags: ['none'] } }, []],
      ['all tags, one of which no event has', { tags: { match: 'all', tags: ['a', 'none'] } }, []],
      ['a tag that looks like a pattern', { tags: { match: 'all', tags: ['%', '*'] } }, [8]],
      ['a query of types', { query: [{ types: ['stock', 'order'] }] }, [3, 5, 9]],
      ['a query of types and tags', { query: [{ types: ['order.placed', 'order'], tags: ['b'] }] }, [0, 5]],
      [
        'a query of several items',
        { query: [{ tags: ['c', 'b'] }, { types: ['odd*'] }, { tags: ['A'] }] },
        [2, 5, 6, 8],
      ],
      ['a query for everything', { query: [{ types: ['x'] }, {}] }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
      ['a query for nothing', { query: [] }, []],
      ['a correlation', { correlationId: 'c1' }, [0, 2, 7]],
      ['a cause', { causationId: uuid(1) }, [2, 7]],
      ['a cause that is no UUID', { causationId: 'elsewhere' }, [6]],
      ['type and tags', { types: ['order.placed'], tags: { match: 'any', tags: ['c', 'b'] } }, [0, 4]],
      ['pattern and type', { streamPattern: 'order-1*', types: ['order.placed', 'order.sent'] }, [0, 4, 7]],
      ['correlation, cause and pattern', { correlationId: 'c1', causationId: uuid(1), streamPattern: 'o*' }, [2, 7]],
      ['prefix and query', { typePrefix: 'order', query: [{ tags: ['a'] }, { tags: ['c'] }] }, [0, 1, 2, 4, 5]],
    ])('finds %s', (_, filter, positions) =>
      onEngine(open, async (engine, test) => {
        await fill(engine, test);
        expect(await found(engine, filter)).toEqual(positions);
        expect(await found(engine, filter, { direction: 'backwards' })).toEqual(positions.toReversed());
        expect(await found(engine, filter, { limit: 1 })).toEqual(positions);
        expect(await found(engine, filter, { from: 2 })).toEqual(positions.filter((position) => position >= 2));
        expect(await found(engine, filter, { from: 7, direction: 'backwards', limit: 2 })).toEqual(
          positions.filter((position) => position <= 7).toReversed(),
        );
        const inStream = await found(engine, filter, { stream: 'order-1', limit: 1 });
        expect(inStream).toEqual(positions.filter((position) => [0, 2, 7].includes(position)));
      }),
    );

    it('finds what was at and between times', () =>
      onEngine(open, async (engine, test) => {
        const times = await fill(engine, test);
        const within = (sinceUs: number, untilUs: number): number[] =>
          times.flatMap((time, i) => (time >= sinceUs && time <= untilUs ? [i] : []));
        for (const [since, until] of [
          [0, 9],
          [3, 6],
          [9, 9],
          [5, 4],
          [0, 0],
        ] as const) {
          for (const [before, after] of [
            [0, 0],
            [1, 0],
            [0, 1],
            [-1, -1],
          ] as const) {
            const [sinceUs, untilUs] = [times[since]! + before, times[until]! + after];
            const expected = within(sinceUs, untilUs);
            expect(await found(engine, { sinceUs, untilUs })).toEqual(expected);
            expect(await found(engine, { sinceUs, untilUs }, { direction: 'backwards' })).toEqual(
              expected.toReversed(),
            );
            expect(await found(engine, { untilUs, types: ['stock', 'order.placed'] })).toEqual(
              within(0, untilUs).filter((i) => [0, 1, 3, 4, 9].includes(i)),
            );
            expect(await found(engine, { sinceUs }, { stream: 'stock' })).toEqual(
              within(sinceUs, Number.MAX_SAFE_INTEGER).filter((i) => [3, 6, 9].includes(i)),
            );
          }
        }
      }));

    it('is empty, and at its end, in an empty store and beyond the last position', () =>
      onEngine(open, async (engine, test) => {
        const empty = { count: 0, next: null, lastPosition: -1 };
        expect(await engine.read('readEvents', readRequest())).toMatchObject(empty);
        expect(await engine.read('readEvents', readRequest({ direction: 'backwards' }))).toMatchObject(empty);
        await fill(engine, test);
        expect(await engine.read('readEvents', readRequest({ from: 10 }))).toMatchObject({ ...empty, lastPosition: 9 });
        expect(await readAll(engine, { from: 99, direction: 'backwards' })).toHaveLength(10);
        expect(await found(engine, { types: ['none'] })).toEqual([]);
      }));

    it('says where it goes on, and the last position of the store', () =>
      onEngine(open, async (engine, test) => {
        await fill(engine, test);
        const pages = await readPages(engine, { limit: 4 });
        expect(pages.every(({ count }) => count <= 4)).toBe(true);
        expect(pages.map(({ lastPosition }) => lastPosition)).toEqual(pages.map(() => 9));
        expect(pages.flatMap((page) => decodePage(page)).map(({ position }) => position)).toEqual([
          ...Array(10).keys(),
        ]);
        expect(pages.at(-1)!.next).toBeNull();
      }));

    it('ends a page with the event that reaches the bound in bytes', () =>
      onEngine(open, async (engine) => {
        for (let i = 0; i < 8; i++) await append(engine, 'a', [{ type: 'x', data: new Uint8Array(10_000) }]);
        const pages = await readPages(engine, { maxBytes: 25_000 });
        expect(pages.filter(({ count }) => count > 0).map(({ count }) => count)).toEqual([3, 3, 2]);
        const single = await readPages(engine, { maxBytes: 1, direction: 'backwards' });
        expect(single.filter(({ count }) => count > 0).map(({ count }) => count)).toEqual(Array(8).fill(1));
      }));

    it('sees everything that was acknowledged before it was asked for', () =>
      onEngine(open, async (engine) => {
        for (let i = 0; i < 30; i++) {
          const { position } = await append(engine, `s${i % 3}`, ['x']);
          const [page, info] = await Promise.all([
            engine.read('readEvents', readRequest({ direction: 'backwards', limit: 1 })),
            engine.read('streamInfo', { stream: `s${i % 3}` }),
          ]);
          expect([page.lastPosition, decodePage(page)[0]!.position, info.version]).toEqual([
            position,
            position,
            Math.floor(i / 3),
          ]);
        }
      }));

    it('finds everything among tens of thousands of events, in pages of any size', () =>
      onEngine(open, async (engine) => {
        const total = 12_000;
        for (let at = 0; at < total; at += 1000) {
          const writes = [0, 1, 2, 3].map((s) => ({
            stream: `s${s}`,
            events: Array.from({ length: 250 }, (_, i) => ({ type: `t${i % 5}`, tags: [`g${(at + i) % 7}`, `s${s}`] })),
          }));
          await engine.append({ writes });
        }
        const all = await readAll(engine);
        expect(all.map(({ position }) => position)).toEqual([...Array(total).keys()]);
        const expected = all
          .filter(({ type, tags }) => type === 't3' && tags.includes('g2'))
          .map(({ position }) => position);
        const filter: EventFilter = { types: ['t3'], tags: { match: 'all', tags: ['g2'] } };
        for (const limit of [7, 100, 1000]) {
          expect(await found(engine, filter, { limit })).toEqual(expected);
          expect(await found(engine, filter, { limit, direction: 'backwards' })).toEqual(expected.toReversed());
        }
        const stream = await readAll(engine, { stream: 's2', limit: 333 });
        expect(stream.map(({ version }) => version)).toEqual([...Array(total / 4).keys()]);
      }));
  });

  describe('a read of a stream', () => {
    it('goes forwards and backwards from a version, inclusive', () =>
      onEngine(open, async (engine, test) => {
        await fill(engine, test);
        const versions = async (from: number | null, direction: 'forwards' | 'backwards'): Promise<number[]> =>
          (await readAll(engine, { stream: 'order-1', from, direction })).map(({ version }) => version);
        expect(await versions(null, 'forwards')).toEqual([0, 1, 2]);
        expect(await versions(1, 'forwards')).toEqual([1, 2]);
        expect(await versions(3, 'forwards')).toEqual([]);
        expect(await versions(null, 'backwards')).toEqual([2, 1, 0]);
        expect(await versions(1, 'backwards')).toEqual([1, 0]);
        expect(await versions(99, 'backwards')).toEqual([2, 1, 0]);
      }));

    it('goes on by version', () =>
      onEngine(open, async (engine, test) => {
        await fill(engine, test);
        const first = await engine.read('readEvents', readRequest({ stream: 'order-1', limit: 2 }));
        expect(first).toMatchObject({ count: 2, next: 2, lastPosition: 9 });
        const rest = await engine.read('readEvents', readRequest({ stream: 'order-1', limit: 2, from: 2 }));
        expect(decodePage(rest).map(({ version, position }) => [version, position])).toEqual([[2, 7]]);
      }));

    it('is refused where there is no such stream', () =>
      onEngine(open, async (engine, test) => {
        await fill(engine, test);
        for (const direction of ['forwards', 'backwards'] as const) {
          const refused = await refusal(readAll(engine, { stream: 'order-3', direction }));
          expect(refused).toMatchObject({ code: 'stream_not_found', stream: 'order-3' });
        }
      }));
  });

  describe('a read as NDJSON', () => {
    it('shows each event as one line of JSON', () =>
      onEngine(open, async (engine, test) => {
        test.setWallMs?.(START_MS);
        const { timeUs } = await append(engine, 'ü "q"', [
          {
            id: uuid(1),
            type: 'x',
            data: { a: 'line\nbreak\u2028', b: [1] },
            metadata: { m: 1 },
            tags: ['t"', 'ü'],
            correlationId: 'c',
          },
          { id: uuid(2), type: 'y', data: new Uint8Array([0, 255, 10]), causationId: uuid(1) },
          { id: uuid(3), type: 'z' },
        ]);
        const pages = await readPages(engine, { form: 'ndjson', limit: 2 });
        const lines = pages
          .map(({ bytes }) => Buffer.from(bytes).toString())
          .join('')
          .split('\n');
        expect(lines.pop()).toBe('');
        const time = `${new Date(Math.floor(timeUs / 1000)).toISOString().slice(0, 20)}${String(timeUs % 1e6).padStart(6, '0')}Z`;
        const same = { stream: 'ü "q"', time, timeUs };
        expect(lines.map((line) => JSON.parse(line))).toEqual([
          {
            ...{ id: uuid(1), ...same, version: 0, position: 0, type: 'x', contentType: 'application/json' },
            ...{
              data: { a: 'line\nbreak\u2028', b: [1] },
              metadata: { m: 1 },
              tags: ['t"', 'ü'],
              correlationId: 'c',
              causationId: null,
            },
          },
          {
            ...{ id: uuid(2), ...same, version: 1, position: 1, type: 'y', contentType: 'application/octet-stream' },
            ...{ dataBase64: 'AP8K', metadata: null, tags: [], correlationId: null, causationId: uuid(1) },
          },
          {
            ...{ id: uuid(3), ...same, version: 2, position: 2, type: 'z', contentType: 'application/json' },
            ...{ data: null, metadata: null, tags: [], correlationId: null, causationId: null },
          },
        ]);
      }));
  });
}
