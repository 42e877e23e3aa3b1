import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import type { NewEvent } from '../event.ts';
import { decodePage } from '../page.ts';
import type { Query } from '../query.ts';
import type { EventFilter, Page, ReadRequest } from '../reads.ts';
import type { RecordedEvent } from '../recorded-event.ts';
import { readRequest } from '../testing/engine-steps.ts';
import { matchesFilter } from '../testing/memory-reads.ts';
import { StoreReader } from './reader.ts';
import { TestWriter, uuid } from './testing/writer-steps.ts';
import type { Slice } from './verify.ts';

const EVENTS = 6000;
/** Indexed when this many are there; the rest is the tail. */
const INDEXED = 4500;
const APPEND = 50;
const SECOND_MS = 1000;

/** Common and rare names of everything, each going its own way through the store. */
function eventOf(n: number): NewEvent {
  const tags = [`shop-${n % 10}`];
  if (n % 7 === 3) tags.push('seventh');
  if (n % 400 === 11) tags.push('rare');
  if (Math.floor(n / 100) % 9 === 4) tags.push('stretch');
  if (n < 900) tags.push('early');
  return {
    id: uuid(n),
    type: n % 997 === 5 ? 'odd' : `type.${(n * n) % 13}`,
    tags,
    data: { n },
    correlationId: n % 5 === 0 ? null : `c${n % 600}`,
    causationId: n % 3 === 0 ? uuid(n - (n % 90)).toUpperCase() : null,
  };
}

const streamOf = (n: number): string => (n % 17 === 0 ? 'big' : `stream-${Math.floor(n / APPEND) % 83}`);

const type = fc.oneof(
  fc.nat(13).map((n) => `type.${n}`),
  fc.constantFrom('odd', 'none'),
);
const tag = fc.oneof(
  fc.nat(10).map((n) => `shop-${n}`),
  fc.constantFrom('seventh', 'rare', 'stretch', 'early', 'none'),
);
const query: fc.Arbitrary<Query> = fc.array(
  fc.record(
    { types: fc.uniqueArray(type, { maxLength: 3 }), tags: fc.uniqueArray(tag, { maxLength: 3 }) },
    { requiredKeys: [] },
  ),
  { maxLength: 3 },
);
const timeUs = fc.integer({ min: -2, max: EVENTS / APPEND + 2 });
const filter: fc.Arbitrary<EventFilter> = fc.record(
  {
    types: fc.uniqueArray(type, { maxLength: 4 }),
    typePrefix: fc.constantFrom('', 'type', 'type.1', 'o', 'x'),
    streamPattern: fc.constantFrom('*', 'big', 'stream-1*', 'stream-*1', '*2', 'x*', 'b*g'),
    tags: fc.record({
      match: fc.constantFrom('any', 'all'),
      tags: fc.uniqueArray(tag, { minLength: 1, maxLength: 3 }),
    }),
    query,
    correlationId: fc.nat(600).map((n) => `c${n}`),
    causationId: fc.nat(Math.floor(EVENTS / 90)).map((n) => uuid(n * 90)),
    sinceUs: timeUs,
    untilUs: timeUs,
  },
  { requiredKeys: [] },
);
/** Few members, mostly: with all of them nothing is ever found. */
const someOf = fc
  .tuple(
    filter,
    fc.shuffledSubarray(
      [
        'types',
        'typePrefix',
        'streamPattern',
        'tags',
        'query',
        'correlationId',
        'causationId',
        'sinceUs',
        'untilUs',
      ] as const,
      { maxLength: 3 },
    ),
  )
  .map(
    ([whole, keys]) =>
      Object.fromEntries(Object.entries(whole).filter(([key]) => keys.includes(key as never))) as EventFilter,
  );

const request = fc.record({
  stream: fc.option(fc.constantFrom('big', 'stream-7', 'stream-82', 'gone'), { freq: 2 }),
  filter: someOf,
  direction: fc.constantFrom('forwards' as const, 'backwards' as const),
  from: fc.option(fc.integer({ min: 0, max: EVENTS + 5 }), { freq: 2 }),
  limit: fc.constantFrom(5, 100, 1000),
  maxBytes: fc.constantFrom(600, 3000, 1_000_000),
});

describe('a reader of thousands of events, a part of them not indexed', () => {
  const test = new TestWriter();
  const events: RecordedEvent[] = [];
  const times: number[] = [];

  beforeAll(() => {
    for (let at = 0; at < EVENTS; at += APPEND) {
      test.wallMs += SECOND_MS;
      const writes = new Map<string, NewEvent[]>();
      for (let n = at; n < at + APPEND; n++) {
        const stream = streamOf(n);
        writes.set(stream, [...(writes.get(stream) ?? []), eventOf(n)]);
      }
      const [outcome] = test.commit({ writes: [...writes].map(([stream, list]) => ({ stream, events: list })) });
      expect(outcome).toMatchObject({ ok: true });
      // The first call only notes that nothing waits.
      for (let calls = 0; at + APPEND === INDEXED && calls < 2; calls++) test.writer.tend();
    }
    const reader = StoreReader.open({ file: test.file });
    for (let from: number | null = 0; from !== null; ) {
      const page: Page = reader.read('readEvents', readRequest({ from }));
      events.push(...decodePage(page));
      from = page.next;
    }
    reader.close();
    expect(events).toHaveLength(EVENTS);
    for (const event of events) if (event.timeUs !== times.at(-1)) times.push(event.timeUs);
  }, 60_000);

  afterAll(() => test[Symbol.dispose]());

  /** Numbers of appends as times. */
  function timed({ sinceUs, untilUs, ...rest }: EventFilter): EventFilter {
    const time = (n: number): number => times[n] ?? (n < 0 ? times[0]! - 1 : times.at(-1)! + 1);
    return {
      ...rest,
      ...(sinceUs === undefined ? {} : { sinceUs: time(sinceUs) }),
      ...(untilUs === undefined ? {} : { untilUs: time(untilUs) }),
    };
  }

  function expected(asked: ReadRequest): number[] {
    const isForwards = asked.direction === 'forwards';
    const found = events.filter((event) => {
      if (asked.stream !== null && event.stream !== asked.stream) return false;
      const place = asked.stream === null ? event.position : event.version;
      const isAhead = asked.from === null || (isForwards ? place >= asked.from : place <= asked.from);
      return isAhead && matchesFilter(asked.filter, event);
    });
    const positions = found.map(({ position }) => position);
    return isForwards ? positions : positions.reverse();
  }

  /** Pages joined. Each but the last must go on. */
  function readAll(reader: StoreReader, asked: ReadRequest): number[] {
    const positions: number[] = [];
    for (let from = asked.from; ; ) {
      const page = reader.read('readEvents', { ...asked, from });
      expect(page.lastPosition).toBe(EVENTS - 1);
      expect(page.count).toBeLessThanOrEqual(asked.limit);
      const found = decodePage(page);
      positions.push(...found.map(({ position }) => position));
      expect(found.every((event) => event.record.equals(events[event.position]!.record))).toBe(true);
      if (page.next === null) return positions;
      if (from !== null) expect(asked.direction === 'forwards' ? page.next > from : page.next < from).toBe(true);
      from = page.next;
    }
  }

  it.each([
    ['with pages that may cost what they do', undefined],
    ['with pages that may cost next to nothing', 300],
  ])(
    'finds what looking at every event finds, %s',
    (_, pageUnits) => {
      const reader = StoreReader.open({ file: test.file, ...(pageUnits === undefined ? {} : { pageUnits }) });
      try {
        fc.assert(
          fc.property(request, (given) => {
            const asked = { ...given, filter: timed(given.filter), form: 'frames' as const };
            if (asked.stream === 'gone') {
              expect(() => reader.read('readEvents', asked)).toThrow('There is no stream gone');
              return;
            }
            expect(readAll(reader, asked)).toEqual(expected(asked));
          }),
          seeded(150),
        );
      } finally {
        reader.close();
      }
    },
    120_000,
  );

  it('shows the same events as lines of JSON', () => {
    const reader = StoreReader.open({ file: test.file });
    const page = reader.read('readEvents', readRequest({ form: 'ndjson', from: INDEXED - 100, limit: 200 }));
    const lines = Buffer.from(page.bytes).toString().trimEnd().split('\n');
    const shown = lines.map((line) => JSON.parse(line) as { position: number; data: unknown });
    expect(shown.map(({ position, data }) => [position, data])).toEqual(
      events.slice(INDEXED - 100, INDEXED + 100).map(({ position, data }) => [position, data]),
    );
    reader.close();
  });

  it('finds nothing amiss', () => {
    const reader = StoreReader.open({ file: test.file });
    const faults: object[] = [];
    const totals = { events: 0, streams: 0 };
    for (let from: number | null = 0; from !== null; ) {
      const slice: Slice = reader.read('verify', { from });
      faults.push(...slice.faults);
      totals.events += slice.events;
      totals.streams += slice.streams;
      from = slice.next;
    }
    expect(faults).toEqual([]);
    expect(totals).toEqual({ events: EVENTS, streams: new Set(events.map(({ stream }) => stream)).size });
    reader.close();
  });
});
