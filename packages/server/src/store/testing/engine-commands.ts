import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import type { AppendRequest, DeleteStreamRequest } from '../append.ts';
import type { Engine } from '../engine.ts';
import type { NewEvent } from '../event.ts';
import type { OperationName, Operations, WriteName, WriteOperations } from '../operations.ts';
import { decodePage } from '../page.ts';
import type { Query } from '../query.ts';
import type { EventFilter, ReadRequest } from '../reads.ts';
import { definition, plain, readAll, uuid } from './engine-steps.ts';

/** Something that is asked of two engines, whose answers must agree. */
export type Command =
  | { readonly kind: 'append'; readonly request: AppendRequest }
  | { readonly kind: 'retry'; readonly back: number }
  | { readonly kind: 'write'; readonly operation: WriteName; readonly request: WriteOperations[WriteName]['request'] };

/** A question; `events` is asked for in pages. */
export type Question =
  | { readonly kind: 'events'; readonly request: Partial<ReadRequest> }
  | { readonly kind: 'read'; readonly operation: 'causation'; readonly request: Operations['causation']['request'] }
  | { readonly kind: 'read'; readonly operation: PlainRead; readonly request: Operations[PlainRead]['request'] };

type PlainRead = Exclude<OperationName, WriteName | 'causation' | 'readEvents' | 'verify' | 'eventById'>;

/** Few names of everything, so that things meet. */
const STREAMS = ['a', 'ab', 'A/b', 'ü*'];
const TYPES = ['t', 't.x', 'u', 'T'];
const TAGS = ['g', 'gg', 'h', 'ü'];
const NUMBERS = 60;
const NAMES = ['s1', 's2', 's3'];
/** Of snapshots. */
const MAX_VERSION = 12;

const stream = fc.constantFrom(...STREAMS);
const type = fc.constantFrom(...TYPES);
const tags = fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 });
const small = fc.integer({ min: -1, max: 25 });
const expectedVersion = fc.oneof(
  { weight: 6, arbitrary: fc.constant('any' as const) },
  { weight: 1, arbitrary: fc.constantFrom('none' as const, 'exists' as const) },
  { weight: 2, arbitrary: small },
);

/** Ids come from a small range: some are met again, with the same content or other. */
const event: fc.Arbitrary<NewEvent> = fc
  .record({
    n: fc.nat(100_000),
    isKnown: fc.nat(9).map((n) => n === 0),
    type,
    tags,
    data: fc.constantFrom(null, 1, 'ü', { a: [1] }),
    correlationId: fc.constantFrom(null, null, 'c1', 'c2'),
    cause: fc.option(fc.nat(NUMBERS)),
  })
  .map(({ n, isKnown, cause, ...rest }) => ({
    ...rest,
    id: uuid(isKnown ? n % NUMBERS : n),
    causationId: cause === null ? null : uuid(cause),
  }));

const query: fc.Arbitrary<Query> = fc.array(
  fc.record(
    { types: fc.uniqueArray(type, { maxLength: 2 }), tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 2 }) },
    { requiredKeys: [] },
  ),
  { maxLength: 2 },
);

const writes = fc.uniqueArray(
  fc.record({ stream, expectedVersion, events: fc.array(event, { minLength: 1, maxLength: 4 }) }),
  {
    selector: (write) => write.stream,
    minLength: 1,
    maxLength: 3,
  },
);

const append: fc.Arbitrary<Command> = fc
  .record({
    writes,
    condition: fc.option(fc.record({ failIfEventsMatch: query, after: small }), { freq: 4, nil: null }),
  })
  .map(({ writes: all, condition }) => ({
    kind: 'append',
    request: condition === null ? { writes: all } : { writes: all, condition },
  }));

const deletion: fc.Arbitrary<DeleteStreamRequest> = fc.record({
  stream,
  expectedVersion,
  tombstone: fc.nat(7).map((n) => n === 0),
});

const name = fc.constantFrom(...NAMES);
const position = fc.integer({ min: -1, max: 60 });
const written = <K extends WriteName>(
  operation: K,
  request: fc.Arbitrary<WriteOperations[K]['request']>,
): fc.Arbitrary<Command> => request.map((one) => ({ kind: 'write', operation, request: one }));

const parked = fc.record({
  ...{
    position: fc.nat(40),
    reason: fc.constantFrom('', 'bad', 'ü'),
    attempts: fc.nat(5),
    parkedUs: fc.nat(1_000_000),
  },
});
const progress = fc.record({
  name,
  checkpoint: fc.option(position),
  state: fc.option(fc.constantFrom('running' as const, 'paused' as const, 'stopped' as const)),
  park: fc.uniqueArray(parked, { selector: (one) => one.position, maxLength: 3 }),
  unpark: fc.uniqueArray(fc.nat(40), { maxLength: 3 }),
});

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: append },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('retry' as const), back: fc.nat(20) }) },
  { weight: 2, arbitrary: written('deleteStream', deletion) },
  {
    weight: 2,
    arbitrary: written(
      'saveSnapshot',
      fc.record({
        stream,
        version: fc.nat(MAX_VERSION),
        data: fc.jsonValue(),
        metadata: fc.constantFrom(null, { m: 1 }),
      }),
    ),
  },
  { weight: 1, arbitrary: written('deleteSnapshots', fc.record({ stream, version: fc.option(fc.nat(MAX_VERSION)) })) },
  {
    weight: 2,
    arbitrary: written(
      'createSubscription',
      fc
        .record({ n: name, from: fc.constantFrom('start' as const, 'now' as const, 3), window: fc.constantFrom(1, 2) })
        .map(({ n, ...rest }) => ({ definition: definition(n, rest) })),
    ),
  },
  { weight: 1, arbitrary: written('deleteSubscription', fc.record({ name })) },
  { weight: 1, arbitrary: written('resetSubscription', fc.record({ name, checkpoint: position })) },
  { weight: 3, arbitrary: written('saveProgress', fc.record({ items: fc.array(progress, { maxLength: 3 }) })) },
);

/** Such as are asked for while a worker dies: done twice they come to the same. More deletes than elsewhere, which come between appends. */
export const strikable: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: append },
  { weight: 4, arbitrary: written('deleteStream', deletion) },
  {
    weight: 5,
    arbitrary: command.filter(
      (one) => one.kind === 'retry' || (one.kind === 'write' && one.operation.includes('Snap')),
    ),
  },
);

/** @param times whether events of both engines have the same times */
export function question(times: boolean): fc.Arbitrary<Question> {
  const timeUs = fc.integer({ min: 0, max: 40 }).map((s) => (MODEL_START_MS + s * 1000) * 1000);
  const filter: fc.Arbitrary<EventFilter> = fc.record(
    {
      types: fc.uniqueArray(type, { minLength: 1, maxLength: 3 }),
      typePrefix: fc.constantFrom('t', 't.', 'u', 'x', 'T'),
      streamPattern: fc.constantFrom('*', 'a*', '*b', 'A/*', 'a', '*/*', 'ü*', 'ü\\*'),
      tags: fc.record({
        match: fc.constantFrom('any' as const, 'all' as const),
        tags: fc.uniqueArray(fc.constantFrom(...TAGS, 'none'), { minLength: 1, maxLength: 3 }),
      }),
      query,
      correlationId: fc.constantFrom('c1', 'c2', 'c3'),
      causationId: fc.nat(NUMBERS).map(uuid),
      ...(times ? { sinceUs: timeUs, untilUs: timeUs } : {}),
    },
    { requiredKeys: [] },
  );
  // Most filters have few members: with many, little is left to find.
  const narrow = fc.tuple(filter, fc.nat(), fc.nat(3)).map(([whole, first, count]) => {
    const keys = Object.keys(whole);
    return Object.fromEntries(Object.entries(whole).filter((_, i) => (i + first) % Math.max(keys.length, 1) < count));
  });
  const events = fc.record({
    stream: fc.option(fc.constantFrom(...STREAMS, 'missing'), { freq: 2 }),
    filter: narrow as fc.Arbitrary<EventFilter>,
    direction: fc.constantFrom('forwards' as const, 'backwards' as const),
    from: fc.option(fc.nat(60)),
    limit: fc.constantFrom(1, 2, 3, 10, 1000),
    maxBytes: fc.constantFrom(1, 300, 1_000_000),
  });
  const listing = fc.record({
    prefix: fc.constantFrom('', 'a', 't', 'g', 'A/', 'ü'),
    after: fc.option(fc.constantFrom(...STREAMS, ...TYPES, ...TAGS)),
    limit: fc.constantFrom(1, 2, 100),
  });
  const reads: fc.Arbitrary<Question>[] = [
    asked('streamInfo', fc.record({ stream: fc.constantFrom(...STREAMS, 'missing') })),
    asked('storeInfo', fc.constant({})),
    asked('listStreams', listing),
    asked('listTypes', listing),
    asked('listTags', listing),
    asked('loadSnapshot', fc.record({ stream, version: fc.option(fc.nat(MAX_VERSION)) })),
    asked(
      'listSnapshots',
      fc.record({ stream, before: fc.option(fc.nat(MAX_VERSION)), limit: fc.constantFrom(1, 2, 100) }),
    ),
    asked('listSubscriptions', fc.constant({})),
    asked('listParked', fc.record({ name, after: position, limit: fc.constantFrom(1, 2, 100) })),
    ...(times ? [asked('versionAt', fc.record({ stream, timeUs }))] : []),
  ];
  const causes = fc
    .record({
      id: fc.nat(NUMBERS).map(uuid),
      what: fc.constantFrom(
        'effects' as const,
        'cause' as const,
        'chain' as const,
        'correlated' as const,
        'graph' as const,
      ),
      limit: fc.constant(1000),
    })
    .map((request): Question => ({ kind: 'read', operation: 'causation', request }));
  return fc.oneof(
    { weight: 6, arbitrary: events.map((request): Question => ({ kind: 'events', request })) },
    { weight: 2, arbitrary: causes },
    { weight: 4, arbitrary: fc.oneof(...reads) },
  );
}

/** Where the clock of both engines begins. */
export const MODEL_START_MS = 1_790_000_000_000;

const asked = <K extends PlainRead>(
  operation: K,
  request: fc.Arbitrary<Operations[K]['request']>,
): fc.Arbitrary<Question> => request.map((one) => ({ kind: 'read', operation, request: one }));

/** The answer to a command, in a form in which two engines must agree. @param asked appends so far, newest last */
export async function answerTo(engine: Engine, one: Command, asked: readonly AppendRequest[]): Promise<unknown> {
  if (one.kind === 'write') return outcome(engine.write(one.operation, one.request));
  const request = one.kind === 'append' ? one.request : asked.at(-1 - (one.back % Math.max(asked.length, 1)));
  return request === undefined ? null : outcome(engine.append(request));
}

/** The answer to a question. @param times whether to compare times */
export async function factsOf(engine: Engine, one: Question, times: boolean): Promise<unknown> {
  const seen = (event: ReturnType<typeof plain>) => (times ? event : { ...event, timeUs: 0 });
  if (one.kind === 'events') return outcome(readAll(engine, one.request).then((all) => all.map(plain).map(seen)));
  if (one.operation !== 'causation') return outcome(engine.read(one.operation, one.request).then(withoutChance(times)));
  return outcome(
    engine.read('causation', one.request).then(({ bytes, count, edges, roots, ...rest }) => ({
      ...rest,
      events: decodePage({ bytes, count }).map(plain).map(seen),
      edges: edges.map(({ from, to }) => `${from} ${to}`).sort(),
      roots: roots.toSorted(),
    })),
  );
}

const ALL = { prefix: '', after: null, limit: 1000 };

/** Everything that can be asked of what is stored, in a form in which two engines must agree. */
export async function wholeState(engine: Engine, times: boolean): Promise<unknown[]> {
  const questions: Question[] = [
    { kind: 'events', request: {} },
    { kind: 'read', operation: 'storeInfo', request: {} },
    { kind: 'read', operation: 'listStreams', request: ALL },
    { kind: 'read', operation: 'listTypes', request: ALL },
    { kind: 'read', operation: 'listTags', request: ALL },
    { kind: 'read', operation: 'listSubscriptions', request: {} },
  ];
  for (const one of STREAMS) {
    questions.push({ kind: 'events', request: { stream: one } });
    questions.push({ kind: 'read', operation: 'listSnapshots', request: { stream: one, before: null, limit: 1000 } });
    for (let version = 0; version <= MAX_VERSION; version++)
      questions.push({ kind: 'read', operation: 'loadSnapshot', request: { stream: one, version } });
  }
  for (const one of NAMES)
    questions.push({ kind: 'read', operation: 'listParked', request: { name: one, after: -1, limit: 1000 } });
  return Promise.all(questions.map((one) => factsOf(engine, one, times)));
}

const CHANCE = ['id', 'bytes'];
const TIMES = ['createdUs', 'lastWrittenUs', 'savedUs', 'timeUs'];

/** Takes away what two engines need not agree on. */
function withoutChance(times: boolean): (value: unknown) => unknown {
  const dropped = new Set(times ? CHANCE : [...CHANCE, ...TIMES]);
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !dropped.has(key))
        .map(([key, member]) => [key, walk(member)]),
    );
  };
  return walk;
}

async function outcome(answer: Promise<unknown>): Promise<unknown> {
  try {
    return { answer: await answer };
  } catch (error) {
    if (!(error instanceof PlexusError)) throw error;
    // Which of several matches or ids is named is left to the engine.
    const { position: _position, id: _id, store: _store, reason: _reason, ...details } = error.details;
    return { refused: error.code, ...details };
  }
}

/** The answer of a write, without times if they are not to be compared. */
export const comparable = (answer: unknown, times: boolean): unknown => (times ? answer : withoutChance(false)(answer));
