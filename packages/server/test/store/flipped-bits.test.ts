import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppendRequest } from '../../src/store/append.ts';
import { factsOf, type Question } from '../../src/store/testing/engine-commands.ts';
import { append, definition, uuid } from '../../src/store/testing/engine-steps.ts';
import { copyStore, FileEngine } from '../../src/store/testing/file-engine.ts';
import { anySeed, type Random, randomFrom } from './random.ts';
import { usedBytes } from './used-bytes.ts';

const APPENDS = 240;
const FLIPS = 60;
const MAX_PLACES = 12;
const NOW_MS = 1_790_000_000_000;
const STREAMS = Array.from({ length: 30 }, (_, i) => `stream-${i}`);

const parent = mkdtempSync(join(tmpdir(), 'plexus-flips-'));
const closed = join(parent, 'closed', 'store.db');
const left = join(parent, 'left', 'store.db');
const asked: AppendRequest[] = [];

/** What is asked of every copy. */
const QUESTIONS: readonly Question[] = [
  { kind: 'events', request: {} },
  { kind: 'events', request: { direction: 'backwards', limit: 50 } },
  ...['stream-0', 'stream-7', 'stream-19', 'stream-29', 'missing'].flatMap((stream): Question[] => [
    { kind: 'events', request: { stream } },
    { kind: 'events', request: { stream, direction: 'backwards', from: 5 } },
    { kind: 'read', operation: 'streamInfo', request: { stream } },
    { kind: 'read', operation: 'versionAt', request: { stream, timeUs: (NOW_MS + 100) * 1000 } },
    { kind: 'read', operation: 'loadSnapshot', request: { stream, version: null } },
  ]),
  ...['t0', 't3', 'none'].map((type): Question => ({ kind: 'events', request: { filter: { types: [type] } } })),
  ...['g1', 'rare', 'none'].map(
    (tag): Question => ({ kind: 'events', request: { filter: { tags: { match: 'all', tags: [tag] } } } }),
  ),
  { kind: 'events', request: { filter: { tags: { match: 'all', tags: ['g1', 'h1'] } } } },
  { kind: 'events', request: { filter: { query: [{ types: ['t1'], tags: ['rare'] }, { tags: ['g2', 'h0'] }] } } },
  { kind: 'events', request: { filter: { streamPattern: 'stream-1*' } } },
  { kind: 'events', request: { filter: { typePrefix: 't' }, limit: 33 } },
  { kind: 'events', request: { filter: { correlationId: 'c3' } } },
  { kind: 'events', request: { filter: { causationId: uuid(40) } } },
  { kind: 'events', request: { filter: { sinceUs: (NOW_MS + 50) * 1000, untilUs: (NOW_MS + 90) * 1000 } } },
  { kind: 'read', operation: 'listStreams', request: { prefix: '', after: null, limit: 100 } },
  { kind: 'read', operation: 'listTypes', request: { prefix: '', after: null, limit: 100 } },
  { kind: 'read', operation: 'listTags', request: { prefix: 'g', after: null, limit: 100 } },
  { kind: 'read', operation: 'listSubscriptions', request: {} },
  { kind: 'read', operation: 'listParked', request: { name: 's', after: -1, limit: 100 } },
  { kind: 'read', operation: 'storeInfo', request: {} },
  { kind: 'read', operation: 'causation', request: { id: uuid(40), what: 'graph', limit: 1000 } },
  { kind: 'read', operation: 'causation', request: { id: uuid(41), what: 'chain', limit: 1000 } },
];
const right: { closed: unknown[]; left: unknown[] } = { closed: [], left: [] };

beforeAll(async () => {
  mkdirSync(join(parent, 'first'));
  const file = join(parent, 'first', 'store.db');
  let nowMs = NOW_MS;
  const engine = new FileEngine({ file, wallMs: () => nowMs, tendEvery: 40 });
  await fill(engine, 0, () => nowMs++);
  copyStore(file, left);
  right.left = await Promise.all(QUESTIONS.map((question) => factsOf(engine, question, true)));
  await engine.close();
  copyStore(file, closed);
  right.closed = right.left;
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

async function fill(engine: FileEngine, from: number, tick: () => void): Promise<void> {
  for (let i = from; i < from + APPENDS; i++) {
    tick();
    const events = Array.from({ length: (i % 4) + 1 }, (_, part) => ({
      ...{ id: uuid(i * 10 + part), type: `t${(i + part) % 5}`, data: { i, part, pad: 'x'.repeat(i % 60) } },
      tags: [`g${i % 4}`, `h${part}`, ...(i % 97 === 5 ? ['rare'] : [])],
      ...{ correlationId: `c${i % 9}`, causationId: i % 3 === 0 ? uuid((i - 1) * 10) : i % 5 === 0 ? uuid(40) : null },
    }));
    const request: AppendRequest = {
      writes: [{ stream: STREAMS[(i * 7) % STREAMS.length]!, expectedVersion: 'any', events }],
    };
    asked.push(request);
    await engine.append(request);
  }
  for (const stream of ['stream-0', 'stream-7']) {
    for (const version of [0, 3])
      await engine.write('saveSnapshot', { stream, version, data: { version }, metadata: null });
  }
  await engine.write('deleteStream', { stream: 'stream-19', tombstone: true });
  await engine.write('createSubscription', { definition: definition('s') });
  const park = [7, 9].map((position) => ({ position, reason: 'bad', attempts: 3, parkedUs: 5 }));
  await engine.write('saveProgress', { items: [{ name: 's', checkpoint: 20, state: null, park, unpark: [] }] });
}

const isDamage = (error: unknown): boolean =>
  error instanceof PlexusError && (error.code === 'store_damaged' || error.code === 'store_newer');

/** Everything that a damaged copy did wrong. */
async function wrongs(
  file: string,
  expected: readonly unknown[],
  random: Random,
  retried: readonly AppendRequest[] = Array.from({ length: 20 }, () => asked[random(asked.length)]!),
): Promise<string[]> {
  let engine: FileEngine;
  try {
    engine = new FileEngine({ file, wallMs: () => NOW_MS + 10_000 });
  } catch (error) {
    return isDamage(error) ? [] : [`opening it: ${error}`];
  }
  const wrong: string[] = [];
  try {
    for (const [i, question] of QUESTIONS.entries()) {
      const got = await factsOf(engine, question, true).catch((error: unknown) => ({ thrown: String(error) }));
      if ((got as { refused?: string }).refused === 'store_damaged' || matches(got, expected[i])) continue;
      wrong.push(`${JSON.stringify(question)}: ${JSON.stringify(got).slice(0, 300)}`);
    }
    wrong.push(...(await wrongWrites(engine, retried)));
  } finally {
    await engine.close().catch((error: unknown) => void (isDamage(error) || wrong.push(`closing it: ${error}`)));
  }
  return wrong;
}

const matches = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Writes that a store with this content refuses, or answers without writing. */
async function wrongWrites(engine: FileEngine, retried: readonly AppendRequest[]): Promise<string[]> {
  const wrong: string[] = [];
  const tried = async (what: string, answer: Promise<unknown>, fine: (outcome: string) => boolean): Promise<void> => {
    const outcome = await answer.then(
      (result) => ((result as { duplicate?: boolean }).duplicate === true ? 'duplicate' : 'taken'),
      (error: unknown) => (error instanceof PlexusError ? error.code : String(error)),
    );
    if (outcome !== 'store_damaged' && !fine(outcome)) wrong.push(`${what}: ${outcome}`);
  };
  for (const request of retried) await tried('a retry', engine.append(request), (outcome) => outcome === 'duplicate');
  for (const stream of STREAMS) {
    const answer = append(engine, stream, ['x'], 'none');
    await tried(
      `${stream} as new`,
      answer,
      (outcome) => outcome === (stream === 'stream-19' ? 'stream_tombstoned' : 'wrong_expected_version'),
    );
  }
  for (const query of [[{ types: ['t2'] }], [{ tags: ['rare'] }], [{ types: ['t1', 't2'], tags: ['g1', 'h1'] }]]) {
    for (const after of [-1, 100, 300]) {
      const condition = { failIfEventsMatch: query, after };
      const answer = engine.append({ writes: [{ stream: 'new', events: [{ type: 'x' }] }], condition });
      await tried(`a condition ${JSON.stringify(query)}`, answer, (outcome) => outcome === 'append_condition_failed');
    }
  }
  return wrong;
}

describe.each(['closed', 'left'] as const)('a store that was %s', (how) => {
  const from = how === 'closed' ? closed : left;

  it('is as it was, undamaged', async () => {
    const file = join(parent, `whole-${how}`, 'store.db');
    copyStore(from, file);
    expect(await wrongs(file, right[how], randomFrom(1))).toEqual([]);
  });

  it.each(how === 'closed' ? [''] : ['', '-wal'])(
    `gives nothing wrong with a bit flipped in store.db%s`,
    async (suffix) => {
      const seed = anySeed();
      const random = randomFrom(seed);
      const found: string[] = [];
      for (let i = 0; i < FLIPS; i++) {
        const file = join(parent, `${how}${suffix}-${i}`, 'store.db');
        copyStore(from, file);
        expect(existsSync(file + suffix)).toBe(true);
        const at = random(usedBytes(file + suffix));
        const bit = random(8);
        flip(file + suffix, at, bit);
        const wrong = await wrongs(file, right[how], random);
        found.push(...wrong.map((one) => `bit ${bit} of byte ${at} (page ${Math.floor(at / 4096) + 1}): ${one}`));
        rmSync(join(parent, `${how}${suffix}-${i}`), { recursive: true });
      }
      expect(found, `FC_SEED=${seed}`).toEqual([]);
    },
    120_000,
  );
});

describe('a store that was closed, with a bit flipped wherever it says', () => {
  // Each stands in the log and in an index, and where a look-up finds nothing is where the store must not believe it.
  it.each([
    ['the id of an event', Buffer.from(uuid(1000).replaceAll('-', ''), 'hex')],
    ['the name of a stream', Buffer.from('stream-11')],
    ['the name of a type', Buffer.from('t2')],
    ['a tag', Buffer.from('rare')],
  ])(
    '%s',
    async (_, what) => {
      const bytes = readFileSync(closed);
      const found: string[] = [];
      const places: number[] = [];
      for (let at = bytes.indexOf(what); at !== -1 && places.length < MAX_PLACES; at = bytes.indexOf(what, at + 1))
        places.push(at);
      expect(places.length).toBeGreaterThan(1);
      for (const place of places) {
        // Next to its old place in the order of an index, and far from it.
        for (const [at, bit] of [
          [place + what.length - 1, 0],
          [place, 6],
        ] as const) {
          const file = join(parent, `at-${at}`, 'store.db');
          copyStore(closed, file);
          flip(file, at, bit);
          const wrong = await wrongs(file, right.closed, randomFrom(at), asked);
          found.push(...wrong.map((one) => `bit ${bit} of byte ${at} (page ${Math.floor(at / 4096) + 1}): ${one}`));
          rmSync(join(parent, `at-${at}`), { recursive: true });
        }
      }
      expect(found).toEqual([]);
    },
    120_000,
  );
});

function flip(path: string, at: number, bit: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0]! ^= 1 << bit;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}
