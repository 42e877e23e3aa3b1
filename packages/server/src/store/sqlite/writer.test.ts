import { describe, expect, it } from 'vitest';
import type { AppendResult } from '../append.ts';
import { partOf } from '../frame.ts';
import { entrySumSql } from './entry-sum.ts';
import { EVENT_ID } from './schema.ts';
import { errorOf, resultOf, START_MS, TestWriter, uuid, write } from './testing/writer-steps.ts';
import { StoreWriter } from './writer.ts';

/** What index tables and counts must be, found by looking through the log; `indexed` says how far. */
const AGREES = [
  [
    'stream_index',
    `SELECT stream, version, position, ${entrySumSql('stream', 'position', 'version')} FROM events WHERE position <= ? ORDER BY 1, 2`,
  ],
  [
    'type_index',
    `SELECT type, position, n, ${entrySumSql('type', 'position', 'n')} FROM
       (SELECT type, position, row_number() OVER (PARTITION BY type ORDER BY position) - 1 AS n FROM events WHERE position <= ?)
     ORDER BY 1, 2`,
  ],
  [
    'tag_index',
    `SELECT tag, position, n, ${entrySumSql('tag', 'position', 'n')} FROM
       (SELECT j.value AS tag, position, row_number() OVER (PARTITION BY j.value ORDER BY position) - 1 AS n
        FROM events, json_each(tags) j WHERE position <= ?)
     ORDER BY 1, 2`,
  ],
  ['id_index', `SELECT ${EVENT_ID}, position FROM events WHERE position <= ? ORDER BY 1`],
  [
    'correlation_index',
    'SELECT correlation, position FROM events WHERE position <= ? AND correlation IS NOT NULL ORDER BY 1, 2',
  ],
  [
    'causation_index',
    'SELECT causation, position FROM events WHERE position <= ? AND causation IS NOT NULL ORDER BY 1, 2',
  ],
] as const;
const COUNTS = [
  [
    'SELECT id, version FROM streams WHERE version >= 0 ORDER BY id',
    'SELECT stream, max(version) FROM events WHERE position <= ? GROUP BY stream ORDER BY stream',
  ],
  [
    'SELECT id, count FROM types WHERE count > 0 ORDER BY id',
    'SELECT type, count(*) FROM events WHERE position <= ? GROUP BY type ORDER BY type',
  ],
  [
    'SELECT id, count FROM tags WHERE count > 0 ORDER BY id',
    'SELECT j.value, count(*) FROM events, json_each(tags) j WHERE position <= ? GROUP BY 1 ORDER BY 1',
  ],
] as const;

function indexedOf(test: TestWriter): number {
  return test.rows("SELECT value FROM meta WHERE key = 'indexed'")[0]![0] as number;
}

function expectIndexes(test: TestWriter, indexed: number): void {
  expect(indexedOf(test)).toBe(indexed);
  for (const [table, wanted] of AGREES) {
    expect(test.rows(`SELECT * FROM ${table} ORDER BY 1, 2`), table).toEqual(test.rows(wanted, indexed));
  }
  for (const [table, wanted] of COUNTS) expect(test.rows(table), table).toEqual(test.rows(wanted, indexed));
  const written = new Map<string, number>();
  for (const { stream, position, timeUs } of test.events()) if (position <= indexed) written.set(stream, timeUs);
  expect(test.rows('SELECT name, written FROM streams WHERE version >= 0 ORDER BY id')).toEqual([...written]);
}

const rich = (n: number) => ({
  type: `t${n % 3}`,
  tags: n % 4 === 0 ? [] : [`n${n % 5}`, `u${n}`],
  correlationId: n % 2 === 0 ? `c${n % 7}` : null,
  causationId: n % 3 === 0 ? uuid(n % 11) : null,
});

describe('a commit', () => {
  it('answers each item, and an item that is refused leaves no trace', () => {
    using test = new TestWriter();
    const outcomes = test.commit(
      write('a', ['x'], 'none'),
      write('b', [{ type: 'never', tags: ['seen'] }], 'exists'),
      write('a', ['x', 'y'], 0),
      { writes: [...write('c', ['never']).writes, ...write('a', ['never'], 0).writes] },
      write('b', ['x'], 'none'),
    );
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true, false, true]);
    expect(errorOf(outcomes[1])).toEqual({
      code: 'wrong_expected_version',
      stream: 'b',
      expected: 'exists',
      actual: -1,
    });
    expect(errorOf(outcomes[3])).toEqual({ code: 'wrong_expected_version', stream: 'a', expected: 0, actual: 2 });
    expect(resultOf(outcomes[4]!)).toMatchObject({ position: 3, versions: [0] });
    expect(test.rows('SELECT name FROM streams ORDER BY id')).toEqual([['a'], ['b']]);
    expect(test.rows('SELECT name FROM types ORDER BY id')).toEqual([['x'], ['y']]);
    expect(test.rows('SELECT count(*) FROM tags')).toEqual([[0]]);
    expect(test.frames().map((frame) => partOf(frame, 0))).toEqual([0, 0, 1, 0]);
    expect(test.writer.lastPosition).toBe(3);
  });

  it('has one time, in microseconds, that goes on from that of the last event after a start', () => {
    using test = new TestWriter();
    test.wallMs = START_MS + 0.25;
    const [one, two] = test.commit(write('a', ['x']), write('b', ['x'])).map(resultOf) as { timeUs: number }[];
    expect([one!.timeUs, two!.timeUs]).toEqual([START_MS * 1000 + 250, START_MS * 1000 + 250]);
    test.wallMs = START_MS - 1e6;
    test.reopen();
    expect(test.append('a', ['x']).timeUs).toBe(START_MS * 1000 + 250);
  });

  it('takes appends and other operations in the order in which they come', () => {
    using test = new TestWriter();
    const remove = { kind: 'deleteStream', request: { stream: 'a', tombstone: false } } as const;
    const [first, second] = test.appends(write('a', ['x']), write('a', ['y'], 'none'));
    const bury = { kind: 'deleteStream', request: { stream: 'a', tombstone: true } } as const;
    const outcomes = test.writer.commit([remove, first!, remove, second!, bury, first!]);
    expect(errorOf(outcomes[0])).toEqual({ code: 'stream_not_found', stream: 'a' });
    expect(outcomes.slice(1).map((outcome) => resultOf(outcome))).toMatchObject([
      { versions: [0], duplicate: false },
      { version: 0 },
      { versions: [1] },
      { version: 1 },
      { versions: [0], duplicate: true },
    ]);
  });

  it('of nothing does nothing', () => {
    using test = new TestWriter();
    expect(test.writer.commit([])).toEqual([]);
    expect(test.writer.lastPosition).toBe(-1);
  });

  it('refuses requests that make no sense, and goes on', () => {
    using test = new TestWriter();
    test.append('a', ['x']);
    const outcomes = test.writer.commit([
      { kind: 'deleteStream', request: { stream: 7 as never, tombstone: false } },
      { kind: 'saveSnapshot', request: { stream: 'a', version: 1, data: 1, metadata: null } },
      { kind: 'saveSnapshot', request: { stream: 'a', version: 0, data: 'x'.repeat(1024 * 1024), metadata: null } },
      { kind: 'resetSubscription', request: { name: 'none', checkpoint: 0 } },
      ...test.appends(write('a', ['y'])),
    ]);
    expect(outcomes.slice(0, 4).map((outcome) => errorOf(outcome).code)).toEqual([
      'bad_request',
      'bad_request',
      'payload_too_large',
      'subscription_not_found',
    ]);
    expect(resultOf(outcomes[4]!)).toMatchObject({ position: 1 });
  });

  it('keeps count of the streams that exist', () => {
    using test = new TestWriter();
    const streams = () => test.rows("SELECT value FROM meta WHERE key = 'streams'")[0]![0];
    expect(streams()).toBe(0);
    test.commit(write('a', ['x']), write('b', ['x']), write('c', ['x']), write('d', ['x'], 'exists'));
    expect(streams()).toBe(3);
    test.write('deleteStream', { stream: 'a', tombstone: false });
    test.write('deleteStream', { stream: 'a', tombstone: false });
    test.write('deleteStream', { stream: 'b', tombstone: true });
    expect(streams()).toBe(1);
    test.append('a', ['again'], 'none');
    test.reopen();
    test.append('e', ['x']);
    expect(streams()).toBe(3);
  });
});

describe('the index tables', () => {
  it('follow the log when nothing was asked for in a while, and not before', () => {
    using test = new TestWriter();
    test.append('a', [rich(0), rich(1)]);
    test.append('b', [rich(2)]);
    expectIndexes(test, -1);
    expect(test.writer.tend()).toBeGreaterThan(0);
    expectIndexes(test, -1);
    expect(test.writer.tend()).toBeNull();
    expectIndexes(test, 2);
    expect(test.writer.tend()).toBeNull();
    test.append('a', [rich(3)]);
    expect(test.writer.tend()).toBeGreaterThan(0);
    test.append('a', [rich(4)]);
    expect(test.writer.tend()).toBeGreaterThan(0);
    test.writer.tend();
    expectIndexes(test, 4);
  });

  it('follow the log in steps of some thousand events', () => {
    using test = new TestWriter();
    let n = 0;
    for (let i = 0; i < 5; i++) {
      test.commit(...Array.from({ length: 3000 }, () => write(`s${n % 50}`, [rich(n++)])));
      // What the answers may wait for is done after them, or before the next commit.
      if (i % 2 === 0) test.writer.tend();
    }
    expect(indexedOf(test)).toBe(11_999);
    expectIndexes(test, 11_999);
    test.reopen();
    expectIndexes(test, 14_999);
  });

  it('follow the log within a commit too, if it is very large', () => {
    using test = new TestWriter();
    const requests = Array.from({ length: 24 }, (_, i) =>
      write(
        `s${i % 3}`,
        Array.from({ length: 1000 }, (_, j) => ({ ...rich(j), id: uuid(i * 1000 + j) })),
      ),
    );
    expect(test.commit(...requests).every(({ ok }) => ok)).toBe(true);
    expectIndexes(test, 21_999);
    expect(test.commit(...requests).every((outcome) => outcome.ok && (outcome.result as AppendResult).duplicate)).toBe(
      true,
    );
    test.writer.tend();
    test.writer.tend();
    expectIndexes(test, 23_999);
  });

  it('are brought up to date at the end and at the start', () => {
    using test = new TestWriter();
    for (let n = 0; n < 10; n++) test.append(`s${n % 3}`, [rich(n)]);
    test.writer.close();
    expectIndexes(test, 9);
    test.open();
    for (let n = 10; n < 20; n++) test.append(`s${n % 3}`, [rich(n)]);
    expectIndexes(test, 9);
  });
});

describe('a store that was closed', () => {
  it('goes on where it was', () => {
    using test = new TestWriter();
    const first = write('a', [{ id: uuid(1), type: 'x', tags: ['t'] }], 'none');
    test.commit(first);
    test.append('gone', ['x', 'x']);
    test.append('buried', ['x']);
    test.write('deleteStream', { stream: 'gone', tombstone: false });
    test.write('deleteStream', { stream: 'buried', tombstone: true });
    const id = test.rows("SELECT value FROM meta WHERE key = 'id'");
    test.reopen();
    expect(test.rows("SELECT value FROM meta WHERE key = 'id'")).toEqual(id);
    expect(test.writer.lastPosition).toBe(3);
    expect(resultOf(test.commit(first)[0]!)).toMatchObject({ position: 0, duplicate: true });
    expect(test.append('a', ['y'], 0)).toMatchObject({ versions: [1], position: 4 });
    expect(test.append('gone', ['y'], 'none')).toMatchObject({ versions: [2] });
    expect(test.rows("SELECT first, deleted FROM streams WHERE name = 'gone'")).toEqual([[2, 0]]);
    expect(() => test.append('buried', ['y'])).toThrow('stream_tombstoned');
    const met = { ...write('b', ['y']), condition: { failIfEventsMatch: [{ tags: ['t'] }], after: -1 } };
    expect(errorOf(test.commit(met)[0])).toMatchObject({ code: 'append_condition_failed', position: 0 });
  });

  it('may be closed twice', () => {
    using test = new TestWriter();
    test.append('a', ['x']);
    test.writer.close();
    test.writer.close();
  });
});

describe('damage', () => {
  const damaged = (file: string) =>
    expect.objectContaining({ code: 'store_damaged', details: expect.objectContaining({ file }) });

  it.each([
    ['the last event', 'UPDATE events SET version = 3 WHERE position = 2'],
    ['a fact', "UPDATE meta SET value = 1 WHERE key = 'indexed'"],
    ['how many streams there are', "UPDATE meta SET value = 9 WHERE key = 'streams'"],
    ['all facts', 'DELETE FROM meta'],
    ['events that are indexed and lost', 'DELETE FROM events WHERE position = 2'],
    ['all events', 'DELETE FROM events'],
  ])('of %s is noticed at the start', (_, sql) => {
    using test = new TestWriter();
    test.append('a', ['x', 'y', 'z']);
    test.writer.close();
    test.tamper(sql);
    expect(() => StoreWriter.open({ file: test.file, wallMs: () => START_MS })).toThrow(damaged(test.file));
  });

  it('of the file’s end is noticed by what was acknowledged', () => {
    using test = new TestWriter();
    test.append('a', ['x']);
    test.reopen();
    test.writer.close();
    test.tamper(`VACUUM INTO '${test.directory}/old.db'`);
    test.open();
    test.append('a', ['x']);
    test.writer.close();
    // What a copy, or a file system that lost a write, leaves behind.
    test.tamper(`ATTACH '${test.directory}/old.db' AS old; DELETE FROM events; INSERT INTO events SELECT * FROM old.events;
      DELETE FROM meta; INSERT INTO meta SELECT * FROM old.meta`);
    expect(() => StoreWriter.open({ file: test.file, wallMs: () => START_MS })).toThrow(damaged(test.file));
  });

  it('of a stream concerns appends to it, and no others of the commit', () => {
    using test = new TestWriter();
    test.append('a', ['x']);
    test.append('b', ['x']);
    test.writer.close();
    test.tamper("UPDATE streams SET version = 5 WHERE name = 'a'");
    test.open();
    const outcomes = test.commit(write('b', ['y'], 0), write('a', ['y']), write('c', ['y']));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(errorOf(outcomes[1])).toMatchObject({ code: 'store_damaged', file: test.file });
  });

  it.each([
    ['types', 'x'],
    ['tags', 't'],
  ])('of %s is noticed when a name is used', (table, name) => {
    using test = new TestWriter();
    test.append('a', [{ type: 'x', tags: ['t'] }]);
    test.writer.close();
    test.tamper(`UPDATE ${table} SET id = id + 1 WHERE name = '${name}'`);
    test.open();
    const condition = { failIfEventsMatch: [{ types: ['x'], tags: ['t'] }], after: -1 };
    expect(errorOf(test.commit({ ...write('b', ['y']), condition })[0])).toMatchObject({ code: 'store_damaged' });
  });

  it.each([
    ['types', 'x'],
    ['tags', 't'],
  ])('of %s concerns appends of that name, and no others of the commit', (table, name) => {
    using test = new TestWriter();
    test.append('a', [{ type: 'x', tags: ['t'] }]);
    test.writer.close();
    test.tamper(`UPDATE ${table} SET count = 5 WHERE name = '${name}'`);
    test.open();
    const outcomes = test.commit(write('b', ['y']), write('b', [{ type: 'x', tags: ['t'] }]), write('c', ['y']));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(errorOf(outcomes[1])).toMatchObject({ code: 'store_damaged', file: test.file });
    expect(test.rows('SELECT name FROM streams ORDER BY id')).toEqual([['a'], ['b'], ['c']]);
  });

  it('of the index of ids never makes a retry a second event', () => {
    using test = new TestWriter();
    const first = write('a', [{ id: uuid(1), type: 'x' }]);
    const second = write('a', [{ id: uuid(2), type: 'x' }]);
    test.commit(first, second);
    test.writer.close();
    test.tamper('UPDATE id_index SET position = 1 - position');
    test.open();
    const outcomes = test.commit(first, second);
    expect(outcomes.map((outcome) => errorOf(outcome).code)).toEqual(['store_damaged', 'store_damaged']);
  });

  it('of an index table that does not go with the log is noticed when it is to grow', () => {
    using test = new TestWriter();
    test.append('a', ['x']);
    test.writer.close();
    test.tamper('INSERT INTO stream_index VALUES (1, 1, 7, 0)');
    test.open();
    test.append('a', ['x']);
    test.writer.tend();
    expect(() => test.writer.tend()).toThrow(damaged(test.file));
  });
});
