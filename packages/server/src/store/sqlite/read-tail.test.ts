import { describe, expect, it } from 'vitest';
import { decodePage } from '../page.ts';
import type { ReadRequest } from '../reads.ts';
import { readRequest } from '../testing/engine-steps.ts';
import { StoreReader } from './reader.ts';
import { TestWriter } from './testing/writer-steps.ts';

const event = (n: number) => ({
  type: `t${n % 2}`,
  tags: [`g${n % 3}`],
  correlationId: `c${n % 2}`,
  causationId: `because ${n % 2}`,
});

/** A store whose last events are in no index yet, and a reader of it. */
function withTail(): { test: TestWriter; reader: StoreReader } & Disposable {
  const test = new TestWriter();
  test.append('a', [event(0), event(1), event(2)]);
  test.reopen();
  test.append('b', [event(3), event(4)]);
  test.append('a', [event(5), event(6)]);
  const reader = StoreReader.open({ file: test.file, smallBytes: 0 });
  const close = (): void => {
    reader.close();
    test[Symbol.dispose]();
  };
  return { test, reader, [Symbol.dispose]: close };
}

const READS: [what: string, request: Partial<ReadRequest>, positions: number[]][] = [
  ['a stream', { stream: 'a' }, [0, 1, 2, 5, 6]],
  ['a type', { filter: { types: ['t1'] } }, [1, 3, 5]],
  ['a tag', { filter: { tags: { match: 'any', tags: ['g0'] } } }, [0, 3, 6]],
  ['a correlation', { filter: { correlationId: 'c1' } }, [1, 3, 5]],
  ['a cause', { filter: { causationId: 'because 1' } }, [1, 3, 5]],
];

const positionsOf = (reader: StoreReader, request: Partial<ReadRequest>): number[] => {
  const events = decodePage(reader.read('readEvents', readRequest(request)));
  return events.map(({ position }) => position).sort((x, y) => x - y);
};

describe('events that no index has yet', () => {
  it.each(READS)('are found by %s, and those that come later too', (_, request, positions) => {
    using store = withTail();
    expect(positionsOf(store.reader, request)).toEqual(positions);
    store.test.append('a', [event(1)]);
    expect(positionsOf(store.reader, request)).toEqual(positions.includes(1) ? [...positions, 7] : positions);
    for (let i = 0; i < 3; i++) store.test.writer.tend();
    store.test.append('a', [event(1)]);
    expect(positionsOf(store.reader, request)).toEqual(positions.includes(1) ? [...positions, 7, 8] : positions);
  });

  it.each(READS)('are found by %s whatever became of the columns beside their frames', (_, request, positions) => {
    using store = withTail();
    store.test.tamper(`UPDATE events SET stream = 3 - stream, version = version + 1, type = 3 - type, tags = '[3]',
      correlation = 'c9', causation = 'because 9' WHERE position > 2`);
    for (const direction of ['forwards', 'backwards'] as const) {
      expect(positionsOf(store.reader, { ...request, direction })).toEqual(positions);
    }
    expect(store.reader.read('streamInfo', { stream: 'b' })).toMatchObject({ version: 1, count: 2 });
    expect(store.reader.read('listStreams', { prefix: '', after: null, limit: 9 }).items).toMatchObject([
      { stream: 'a', version: 4 },
      { stream: 'b', version: 1 },
    ]);
    expect(store.reader.read('listTypes', { prefix: '', after: null, limit: 9 }).items).toEqual([
      { name: 't0', count: 4 },
      { name: 't1', count: 3 },
    ]);
  });

  it('are not told from one stream for another where a version is lost among them', () => {
    using store = withTail();
    store.test.tamper('DELETE FROM events WHERE position = 5');
    expect(() => positionsOf(store.reader, { stream: 'a' })).toThrow('position 5');
  });
});
