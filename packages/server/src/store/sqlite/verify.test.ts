import { describe, expect, it } from 'vitest';
import type { EventFilter, ReadRequest } from '../reads.ts';
import { definition, readRequest } from '../testing/engine-steps.ts';
import { StoreReader } from './reader.ts';
import { TestWriter, uuid } from './testing/writer-steps.ts';
import type { Slice } from './verify.ts';

/** 300 events in two streams: every tenth of a rare type, a tag on all and one on every third; a correlation and a cause on every fifth. */
function closedStore(): TestWriter {
  const test = new TestWriter();
  for (let n = 0; n < 300; n += 10) {
    test.wallMs += 1000;
    const events = Array.from({ length: 10 }, (_, i) => ({
      ...{ id: uuid(n + i), type: i === 7 ? 'rare' : 'common', tags: (n + i) % 3 === 0 ? ['all', 'third'] : ['all'] },
      ...((n + i) % 5 === 0 ? { correlationId: `c${n}`, causationId: uuid(n) } : {}),
    }));
    test.append(n % 20 === 0 ? 'a' : 'b', events);
  }
  test.write('saveSnapshot', { stream: 'a', version: 5, data: 1, metadata: null });
  test.write('createSubscription', { definition: definition('s') });
  const park = [{ position: 3, reason: 'bad', attempts: 1, parkedUs: 1 }];
  test.write('saveProgress', { items: [{ name: 's', checkpoint: 4, state: null, park, unpark: [] }] });
  test.writer.close();
  return test;
}

function verify(file: string): { events: number; streams: number; faults: Slice['faults'] } {
  const reader = StoreReader.open({ file });
  const report = { events: 0, streams: 0, faults: [] as Slice['faults'][number][] };
  for (let from: number | null = 0; from !== null; ) {
    const slice: Slice = reader.read('verify', { from });
    report.events += slice.events;
    report.streams += slice.streams;
    report.faults.push(...slice.faults);
    from = slice.next;
  }
  reader.close();
  return report;
}

/** One byte of the record. */
const CHANGE_FRAME = "UPDATE events SET frame = CAST(substr(frame, 1, 60) || x'ff' || substr(frame, 62) AS BLOB)";

describe('verifying a store', () => {
  it('counts what it looked at, and finds nothing in one that is whole', () => {
    using test = closedStore();
    expect(verify(test.file)).toEqual({ events: 300, streams: 2, faults: [] });
  });

  it.each<[where: string, problem: string | RegExp, sql: string]>([
    ...['stream', 'version', 'type', 'tags', 'correlation', 'causation'].map((column): [string, string, string] => [
      'events',
      'a column of an event differs from its frame',
      `UPDATE events SET ${column} = '7' WHERE position = 77`,
    ]),
    ['events', 'a row differs from its checksum', `${CHANGE_FRAME} WHERE position = 77`],
    [
      'events',
      'a row differs from its checksum',
      "UPDATE events SET frame = CAST(frame || x'20' AS BLOB) WHERE position = 77",
    ],
    ['events', 'an event is lost', 'DELETE FROM events WHERE position = 77'],
    ['stream_index', 'the entry of an event is lost or changed', 'DELETE FROM stream_index WHERE position = 77'],
    [
      'stream_index',
      'the entry of an event is lost or changed',
      'UPDATE stream_index SET position = 78 WHERE position = 77',
    ],
    ['stream_index', /has 151 entries where 150/, 'INSERT INTO stream_index VALUES (1, 150, 7, 0)'],
    ['stream_index', 'it has 1 entries too many', 'INSERT INTO stream_index VALUES (9, 0, 7, 0)'],
    ['type_index', 'the entry of an event is lost or changed', 'DELETE FROM type_index WHERE position = 77'],
    ['type_index', /has 30 entries/, 'UPDATE type_index SET n = n + 1 WHERE type = 2 AND n = 29'],
    ['tag_index', 'the entry of an event is lost or changed', 'DELETE FROM tag_index WHERE tag = 2 AND position = 99'],
    ['tag_index', /has 101 entries/, 'INSERT INTO tag_index VALUES (2, 100, 100, 0)'],
    ['id_index', 'the entry of an event is lost or changed', 'DELETE FROM id_index WHERE position = 77'],
    ['id_index', 'it has 1 entries too many', "INSERT INTO id_index VALUES (x'00', 7)"],
    [
      'correlation_index',
      'the entry of an event is lost or changed',
      'DELETE FROM correlation_index WHERE position = 75',
    ],
    ['correlation_index', '1 entries lead to other events', "INSERT INTO correlation_index VALUES ('x', 75)"],
    ['causation_index', 'the entry of an event is lost or changed', 'DELETE FROM causation_index WHERE position = 75'],
    ['causation_index', '1 entries lead to other events', "INSERT INTO causation_index VALUES ('x', 900)"],
    ['streams', /differs from its checksum/, 'UPDATE streams SET first = 3 WHERE id = 1'],
    ['streams', /is lost/, 'DELETE FROM streams WHERE id = 1'],
    ['types', /differs from its checksum/, "UPDATE types SET name = 'x' WHERE id = 1"],
    ['events', 'the type in the record is not that of the row', "UPDATE types SET name = 'x' WHERE id = 1"],
    ['tags', /differs from its checksum/, 'UPDATE tags SET count = 1 WHERE id = 1'],
    ['snapshots', /differs from its checksum/, "UPDATE snapshots SET data = '2'"],
    ['subscriptions', /differs from its checksum/, 'UPDATE subscriptions SET checkpoint = 5'],
    ['parked', /differs from its checksum/, 'UPDATE parked SET attempts = 5'],
    ['meta', /differs from its checksum/, "UPDATE meta SET value = 3 WHERE key = 'streams'"],
  ])('finds in %s: %s', (where, problem, sql) => {
    using test = closedStore();
    test.tamper(sql);
    const { faults } = verify(test.file);
    const isFound = faults.some(
      (fault) =>
        fault.where === where &&
        (typeof problem === 'string' ? fault.problem === problem : problem.test(fault.problem)),
    );
    expect(isFound, JSON.stringify(faults)).toBe(true);
    if (problem === 'an event is lost') expect(faults).toContainEqual({ where, problem, position: 77 });
  });

  it('goes on after the names of a slice, and bounds a slice of large events', () => {
    using test = new TestWriter();
    // More streams than one slice looks at, and 20 MiB of events.
    const writes = Array.from({ length: 500 }, (_, n) => n);
    for (let n = 0; n < 50; n++) {
      test.commit(...writes.map((i) => ({ writes: [{ stream: `s${n * 500 + i}`, events: [{ type: 't' }] }] })));
    }
    for (let n = 0; n < 20; n++) test.append('large', [{ type: 't', data: 'x'.repeat(1_000_000) }]);
    test.reopen();
    test.writer.close();
    const reader = StoreReader.open({ file: test.file });
    const first: Slice = reader.read('verify', { from: 24_990 });
    expect(first.next).toBeLessThan(25_019);
    reader.close();
    expect(verify(test.file)).toEqual({ events: 25_020, streams: 25_001, faults: [] });
    test.tamper('DELETE FROM streams WHERE id = 24000');
    const lost = verify(test.file).faults.filter(({ problem }) => problem.startsWith('the row before'));
    expect(lost).toEqual([{ where: 'streams', problem: 'the row before s24000 is lost', position: null }]);
  }, 60_000);

  it('names a hundred faults and no more per slice', () => {
    using test = closedStore();
    test.tamper(CHANGE_FRAME);
    const reader = StoreReader.open({ file: test.file });
    expect(reader.read('verify', { from: 0 }).faults).toHaveLength(100);
    reader.close();
  });
});

describe('a read along an index that has been changed', () => {
  const type: EventFilter = { types: ['rare'] };
  const tag: EventFilter = { tags: { match: 'any', tags: ['third'] } };
  const a: Partial<ReadRequest> = { stream: 'a' };

  it.each<[what: string, request: Partial<ReadRequest>, sql: string]>([
    ['an entry is lost', { filter: type }, 'DELETE FROM type_index WHERE type = 2 AND n = 14'],
    ['the first is lost', { filter: type }, 'DELETE FROM type_index WHERE type = 2 AND n = 0'],
    ['the last is lost', { filter: type }, 'DELETE FROM type_index WHERE type = 2 AND n = 29'],
    ['all are lost', { filter: type }, 'DELETE FROM type_index WHERE type = 2'],
    ['one leads elsewhere', { filter: type }, 'UPDATE type_index SET position = 141 WHERE type = 2 AND n = 14'],
    ['one leads nowhere', { filter: type }, 'UPDATE type_index SET position = 999 WHERE type = 2 AND n = 29'],
    ['numbers are wrong', { filter: type }, 'UPDATE type_index SET n = 400 WHERE type = 2 AND n = 14'],
    ['an entry of a tag is lost', { filter: tag }, 'DELETE FROM tag_index WHERE tag = 2 AND n = 40'],
    ['one of a tag leads elsewhere', { filter: tag }, 'UPDATE tag_index SET position = 121 WHERE tag = 2 AND n = 40'],
    [
      'one of two lists leads elsewhere',
      { filter: { ...type, ...tag } },
      'UPDATE tag_index SET position = 151 WHERE tag = 2 AND position = 150',
    ],
    [
      'the other of two lists leads elsewhere',
      { filter: { ...type, ...tag } },
      'UPDATE type_index SET position = position + 1 WHERE type = 2 AND n = 14',
    ],
    [
      'one of two lists in an item leads elsewhere',
      { filter: { query: [{ types: ['rare'], tags: ['third'] }] } },
      'UPDATE tag_index SET position = 151 WHERE tag = 2 AND position = 150',
    ],
    ['a version is lost', a, 'DELETE FROM stream_index WHERE stream = 1 AND version = 40'],
    ['a version leads elsewhere', a, 'UPDATE stream_index SET position = 10 WHERE stream = 1 AND version = 40'],
    ['the last version is lost', a, 'DELETE FROM stream_index WHERE stream = 1 AND version = 149'],
  ])('is refused when %s, from either side', (_, request, sql) => {
    using test = closedStore();
    test.tamper(sql);
    // As in a store that is too large to be verified before the first read.
    const reader = StoreReader.open({ file: test.file, smallBytes: 0 });
    for (const direction of ['forwards', 'backwards'] as const) {
      expect(() => reader.read('readEvents', readRequest({ ...request, direction }))).toThrow('is damaged');
    }
    reader.close();
  });

  it('goes on for what is beside the damage', () => {
    using test = closedStore();
    test.tamper(`${CHANGE_FRAME} WHERE position = 77`);
    const reader = StoreReader.open({ file: test.file, smallBytes: 0 });
    expect(reader.read('readEvents', readRequest({ limit: 77 }))).toMatchObject({ count: 77, next: 77 });
    expect(reader.read('readEvents', readRequest({ from: 78 }))).toMatchObject({ count: 222, next: null });
    expect(() => reader.read('readEvents', readRequest({ from: 77, limit: 1 }))).toThrow('position 77');
    reader.close();
  });
});
