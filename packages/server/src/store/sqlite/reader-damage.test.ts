import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import type { NewEvent } from '../event.ts';
import type { ReadName, ReadOperations } from '../operations.ts';
import type { EventFilter, ReadRequest } from '../reads.ts';
import { definition, readRequest } from '../testing/engine-steps.ts';
import { StoreReader, type StoreReaderOptions } from './reader.ts';
import { TestWriter, uuid } from './testing/writer-steps.ts';

/** More than there are bytes in the file. */
const SPOTS = 0x7fff_ffff;
const EVENTS = 400;

interface Ask {
  readonly operation: ReadName;
  readonly request: unknown;
}

const ask = <K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Ask => ({ operation, request });
const events = (filter: EventFilter, rest: Partial<ReadRequest> = {}): Ask[] =>
  (['forwards', 'backwards'] as const).map((direction) =>
    ask('readEvents', readRequest({ filter, direction, limit: 100, ...rest })),
  );

/** Answered from rows and numbered entries alone, also where entries are compared with each other. */
const NUMBERED: Ask[] = [
  ...events({}),
  ...events({}, { form: 'ndjson', from: 300 }),
  ...events({}, { stream: 's2' }),
  ...events({}, { stream: 's7', limit: 3 }),
  ...events({ types: ['type 1'] }),
  ...events({ types: ['type 1', 'odd'] }, { from: 200 }),
  ...events({ tags: { match: 'any', tags: ['g3'] } }),
  ...events({ tags: { match: 'all', tags: ['g3', 'h1'] } }),
  ...events({ types: ['type 2'], tags: { match: 'any', tags: ['h0'] } }),
  ...events({ query: [{ types: ['odd'] }, { types: ['type 2'], tags: ['h0'] }] }),
  ...events({ tags: { match: 'any', tags: ['g2'] } }, { stream: 's4' }),
  ...events({ sinceUs: 0, untilUs: Number.MAX_SAFE_INTEGER, types: ['odd'] }),
  ask('streamInfo', { stream: 's3' }),
  ask('versionAt', { stream: 's3', timeUs: 1_790_000_020_000_000 }),
];

const EVERYTHING: Ask[] = [
  ...NUMBERED,
  ...events({ typePrefix: 'type' }, { limit: 7 }),
  ...events({ streamPattern: 's*' }, { limit: 7 }),
  ...events({ correlationId: 'c3' }),
  ...events({ causationId: uuid(30) }),
  ...events({ types: ['none'] }),
  ...events({}, { stream: 'none' }),
  ...[0, 1, 7, 123, EVENTS - 1, EVENTS, 9999].map((n) => ask('eventById', { id: uuid(n) })),
  ...(['effects', 'cause', 'chain', 'correlated', 'graph'] as const).map((what) =>
    ask('causation', { id: uuid(33), what, limit: 50 }),
  ),
  ask('listStreams', { prefix: '', after: null, limit: 100 }),
  ask('listTypes', { prefix: 't', after: null, limit: 100 }),
  ask('listTags', { prefix: '', after: 'g2', limit: 100 }),
  ask('loadSnapshot', { stream: 's2', version: null }),
  ask('loadSnapshot', { stream: 's5', version: 4 }),
  ask('listSnapshots', { stream: 's2', before: null, limit: 10 }),
  ask('listSubscriptions', {}),
  ask('listParked', { name: 'sub', after: -1, limit: 10 }),
  ask('storeInfo', {}),
];

function eventOf(n: number): NewEvent {
  return {
    id: uuid(n),
    type: n % 50 === 7 ? 'odd' : `type ${n % 3}`,
    data: { n, text: 'x'.repeat(n % 60) },
    tags: [`g${n % 5}`, `h${n % 2}`],
    correlationId: n % 4 === 0 ? null : `c${n % 9}`,
    causationId: n % 3 === 0 ? uuid(Math.floor(n / 10) * 3) : null,
  };
}

/** A store with something of everything in it, as its writer leaves it. */
function makeStore(file: string): void {
  using test = new TestWriter();
  for (let n = 0; n < EVENTS; n += 4) {
    test.wallMs += 1000;
    test.append(`s${(n / 4) % 9}`, [n, n + 1, n + 2, n + 3].map(eventOf));
  }
  test.write('saveSnapshot', { stream: 's2', version: 3, data: { a: 1 }, metadata: null });
  test.write('saveSnapshot', { stream: 's2', version: 9, data: ['x'], metadata: { by: 'me' } });
  test.write('createSubscription', { definition: definition('sub') });
  test.write('createSubscription', { definition: definition('other', { from: 17 }) });
  const parked = [3, 5].map((position) => ({ position, reason: 'bad', attempts: 2, parkedUs: 7 }));
  test.write('saveProgress', { items: [{ name: 'sub', checkpoint: 9, state: null, park: parked, unpark: [] }] });
  test.write('deleteStream', { stream: 's8', tombstone: false });
  test.writer.close();
  copyFileSync(test.file, file);
}

/** Answers as values that can be compared: a refusal by its code and details. */
function answers(file: string, asks: readonly Ask[], options: Partial<StoreReaderOptions> = {}): unknown[] {
  const refusal = (error: unknown): unknown => {
    if (error instanceof PlexusError) return { code: error.code, ...error.details, file: null };
    throw error;
  };
  let reader: StoreReader;
  try {
    reader = StoreReader.open({ file, store: 'store', ...options });
  } catch (error) {
    return asks.map(() => refusal(error));
  }
  try {
    return asks.map(({ operation, request }) => {
      try {
        return reader.read(operation, request as never);
      } catch (error) {
        return refusal(error);
      }
    });
  } finally {
    reader.close();
  }
}

type Refusal = { readonly code?: string };
/** A header that names a newer schema is one way to be damaged. */
const isDamage = (answer: unknown): boolean =>
  ['store_damaged', 'store_newer'].includes((answer as Refusal).code ?? '');
/** Says that there is nothing, or nothing any more, or no such stream. */
const isAbsence = (answer: unknown): boolean =>
  (answer as Refusal).code === 'stream_not_found' || (answer as { count?: number }).count === 0;

describe('a file in which a byte has changed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plexus-damage-'));
  const whole = join(folder, 'whole.db');
  const damaged = join(folder, 'damaged.db');
  let bytes: Buffer;

  beforeAll(() => {
    makeStore(whole);
    bytes = readFileSync(whole);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const flip = fc.record({
    at: fc.noBias(fc.nat(SPOTS)),
    bits: fc.integer({ min: 1, max: 255 }),
  });

  function damage({ at, bits }: { at: number; bits: number }): void {
    const changed = Buffer.from(bytes);
    changed[at % bytes.length]! ^= bits;
    for (const suffix of ['-wal', '-shm']) rmSync(damaged + suffix, { force: true });
    writeFileSync(damaged, changed);
  }

  it('is read rightly, or said to be damaged', () => {
    const right = answers(whole, EVERYTHING);
    expect(right.filter(isDamage)).toEqual([]);
    let found = 0;
    fc.assert(
      fc.property(flip, (one) => {
        damage(one);
        for (const [i, answer] of answers(damaged, EVERYTHING).entries()) {
          if (isDamage(answer)) found++;
          else expect(answer, JSON.stringify(EVERYTHING[i])).toEqual(right[i]);
        }
      }),
      seeded(150),
    );
    // Else nothing was tried.
    expect(found).toBeGreaterThan(0);
  }, 120_000);

  it('gives no wrong event, even where the store is too large to be verified as a whole', () => {
    const right = answers(whole, NUMBERED, { smallBytes: 0 });
    fc.assert(
      fc.property(flip, (one) => {
        damage(one);
        for (const [i, answer] of answers(damaged, NUMBERED, { smallBytes: 0 }).entries()) {
          if (!isDamage(answer) && !isAbsence(answer)) expect(answer, JSON.stringify(NUMBERED[i])).toEqual(right[i]);
        }
      }),
      seeded(150),
    );
  }, 120_000);
});
