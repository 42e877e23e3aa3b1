import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import type { AppendRequest, DeleteStreamRequest, ExpectedVersion } from '../append.ts';
import type { NewEvent } from '../event.ts';
import type { RecordedEvent } from '../recorded-event.ts';
import { MemoryLog } from '../testing/memory-log.ts';
import { TestWriter, uuid, uuid7 } from './testing/writer-steps.ts';
import type { WriteItem, WriteOutcome } from './writer.ts';

const START_MS = 1_790_000_000_000;

type Step =
  | { readonly kind: 'commit'; readonly items: readonly Item[] }
  | { readonly kind: 'tend' | 'reopen' }
  | { readonly kind: 'clock'; readonly ms: number };
type Item =
  | { readonly kind: 'append'; readonly request: AppendRequest }
  /** One of the appends so far, as it was. */
  | { readonly kind: 'again'; readonly which: number }
  | { readonly kind: 'delete'; readonly request: DeleteStreamRequest };

const stream = fc.constantFrom('a', 'b', 'c', 'd');
const expectedVersion: fc.Arbitrary<ExpectedVersion> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<ExpectedVersion>('any') },
  { weight: 3, arbitrary: fc.integer({ min: -1, max: 8 }) },
  { weight: 2, arbitrary: fc.constantFrom<ExpectedVersion>('none', 'exists') },
);
const tag = fc.constantFrom('p', 'q', 'r', 'never');
const type = fc.constantFrom('x', 'y', 'z');
/** Few enough to meet again, of both kinds, with times before and after that of the index. */
const id = fc.oneof(
  fc.nat({ max: 40 }).map(uuid),
  fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 2 })).map(([ms, n]) => uuid7(START_MS + ms * 100, n)),
);
const event: fc.Arbitrary<NewEvent> = fc.record(
  {
    id,
    type,
    data: fc.nat({ max: 1 }),
    tags: fc.uniqueArray(tag, { maxLength: 3 }),
    correlationId: fc.constantFrom('one', 'two'),
    causationId: fc.constantFrom('one', 'two'),
  },
  { requiredKeys: ['type'] },
);
const write = fc.record({ stream, expectedVersion, events: fc.array(event, { minLength: 1, maxLength: 4 }) });
const condition = fc.record({
  failIfEventsMatch: fc.array(
    fc.record(
      {
        types: fc.array(fc.constantFrom('x', 'y', 'z', 'unknown'), { maxLength: 2 }),
        tags: fc.array(tag, { maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 3 },
  ),
  after: fc.integer({ min: -1, max: 60 }),
});
const request: fc.Arbitrary<AppendRequest> = fc.record(
  { writes: fc.uniqueArray(write, { minLength: 1, maxLength: 3, selector: (one) => one.stream }), condition },
  { requiredKeys: ['writes'] },
);
const item: fc.Arbitrary<Item> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('append' as const), request }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      request: fc.record({ stream, expectedVersion, tombstone: fc.nat({ max: 9 }).map((n) => n === 0) }),
    }),
  },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('commit' as const), items: fc.array(item, { maxLength: 8 }) }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'tend' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const), ms: fc.integer({ min: -9, max: 2000 }) }) },
);

/** A writer and the model of it, which are told the same. */
class Pair implements Disposable {
  readonly test = new TestWriter();
  readonly #log = new MemoryLog();
  readonly #appends: WriteItem[] = [];
  #timeUs = 0;

  run(steps: readonly Step[]): void {
    for (const each of steps) {
      if (each.kind === 'commit') this.#commit(each.items);
      else if (each.kind === 'reopen') this.#reopen();
      else if (each.kind === 'clock') this.test.wallMs += each.ms;
      // The first time after a commit it has to wait.
      else for (let i = 0; i < 2; i++) this.test.writer.tend();
      expect(this.test.writer.lastPosition).toBe(this.#log.lastPosition);
    }
    this.#compareLogs();
  }

  /** Times of commits that stored no event are forgotten. */
  #reopen(): void {
    this.test.reopen();
    this.#timeUs = 0;
  }

  #commit(items: readonly Item[]): void {
    const toWrite = items.flatMap((one) => this.#itemOf(one));
    this.#timeUs = Math.max(this.#timeUs, this.test.wallMs * 1000, this.#log.lastTimeUs);
    const wanted = toWrite.map((one) => this.#onModel(one));
    expect(this.test.writer.commit(toWrite)).toEqual(wanted);
  }

  #itemOf(one: Item): WriteItem[] {
    if (one.kind === 'delete') return [{ kind: 'deleteStream', request: one.request }];
    if (one.kind === 'again') {
      return this.#appends.length === 0 ? [] : [this.#appends[one.which % this.#appends.length]!];
    }
    const [append] = this.test.appends(one.request);
    this.#appends.push(append!);
    return [append!];
  }

  #onModel(one: WriteItem): WriteOutcome {
    try {
      if (one.kind === 'append') return { ok: true, result: this.#log.append(one.buffer, one.start, this.#timeUs) };
      return { ok: true, result: this.#log.deleteStream(one.request as DeleteStreamRequest) };
    } catch (error) {
      if (!(error instanceof PlexusError)) throw error;
      return { ok: false, error: { code: error.code, details: error.details } };
    }
  }

  #compareLogs(): void {
    const rows = this.test.rows(
      `SELECT position, s.name, e.version, t.name, correlation, causation,
         (SELECT json_group_array(g.name ORDER BY j.key) FROM json_each(e.tags) j JOIN tags g ON g.id = j.value)
       FROM events e JOIN streams s ON s.id = e.stream JOIN types t ON t.id = e.type ORDER BY position`,
    );
    const wanted = this.#log.events.map((one) => [
      ...[one.position, one.stream, one.version, one.type, one.correlationId, one.causationId],
      JSON.stringify(one.tags),
    ]);
    expect(rows).toEqual(wanted);
    const inFrame = (one: RecordedEvent) => [one.position, one.version, one.timeUs, one.record.toString('hex')];
    expect(this.test.events().map(inFrame)).toEqual(this.#log.events.map(inFrame));
    const streams = [...this.#log.streams.values()].map((one) => [
      one.name,
      one.first,
      ['no', 'soft', 'tombstone'].indexOf(one.deleted),
    ]);
    expect(this.test.rows('SELECT name, first, deleted FROM streams ORDER BY id')).toEqual(streams);
  }

  [Symbol.dispose](): void {
    this.test[Symbol.dispose]();
  }
}

describe('a writer', () => {
  it('answers and stores as the model does, whatever it is told', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
        using pair = new Pair();
        pair.run(steps);
      }),
      seeded(150),
    );
  }, 60_000);
});
