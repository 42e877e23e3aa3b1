import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { matchesQuery, type Query, type QueryItem } from '../query.ts';
import { errorOf, resultOf, TestWriter, write } from './testing/writer-steps.ts';
import type { StoreWriterOptions, WriteOutcome } from './writer.ts';

interface Fact {
  readonly type: string;
  readonly tags: readonly string[];
}

/** Appends `facts`, of which the first `indexed` get into the index tables and the rest into the tail. */
function fill(test: TestWriter, facts: readonly Fact[], indexed: number): void {
  const commit = (some: readonly Fact[]) => test.commit(...some.map((fact, n) => write(`s${n % 3}`, [fact])));
  commit(facts.slice(0, indexed));
  test.writer.tend();
  test.writer.tend();
  commit(facts.slice(indexed));
  const first = test.rows("SELECT value FROM meta WHERE key = 'indexed'")[0]![0];
  expect(first).toBe(indexed - 1);
}

/** What becomes of an append under the condition, when it has been asked for as often as it takes. */
function decided(test: TestWriter, query: Query, after: number): WriteOutcome {
  const [append] = test.appends({ ...write('decided', ['decision']), condition: { failIfEventsMatch: query, after } });
  for (let asked = 0; ; asked++) {
    const [outcome] = test.writer.commit([append!]);
    if (outcome!.ok || outcome!.error.code !== 'overloaded') return outcome!;
    // Each time something is looked through.
    expect(asked).toBeLessThan(test.writer.lastPosition + 2);
  }
}

/** What an append under the condition says: position of the match; null: it was taken. */
function matchOf(test: TestWriter, query: Query, after: number): number | null {
  const outcome = decided(test, query, after);
  if (outcome.ok) return null;
  const { code, position, after: said } = errorOf(outcome);
  expect({ code, said }).toEqual({ code: 'append_condition_failed', said: after });
  return position as number;
}

const tags = fc.uniqueArray(fc.constantFrom('p', 'q', 'r', 's'), { maxLength: 3 });
const fact = fc.record({ type: fc.constantFrom('x', 'y', 'z'), tags });
const item: fc.Arbitrary<QueryItem> = fc.record(
  {
    types: fc.array(fc.constantFrom('x', 'y', 'z', 'unknown'), { maxLength: 3 }),
    tags: fc.array(fc.constantFrom('p', 'q', 'r', 's', 'unknown'), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

describe.each<[how: string, options: Partial<StoreWriterOptions>]>([
  ['in one go', {}],
  ['a few entries at a time', { conditionEntries: 3 }],
  ['entry by entry', { conditionEntries: 1 }],
])('a condition that is looked through %s', (_how, options) => {
  it('finds the first event after a position that matches, in the index tables or in the tail, and no other', () => {
    fc.assert(
      fc.property(
        fc.array(fact, { maxLength: 40 }),
        fc.nat({ max: 40 }),
        fc.array(fc.tuple(fc.array(item, { maxLength: 3 }), fc.integer({ min: -1, max: 45 })), { maxLength: 20 }),
        (facts, indexed, questions) => {
          using test = new TestWriter(options);
          fill(test, facts, Math.min(indexed, facts.length));
          const log: Fact[] = [...facts];
          for (const [query, after] of questions) {
            const wanted = log.findIndex((one, n) => n > after && matchesQuery(query, one.type, one.tags));
            expect(matchOf(test, query, after)).toBe(wanted === -1 ? null : wanted);
            if (wanted === -1) log.push({ type: 'decision', tags: [] });
          }
        },
      ),
      seeded(100),
    );
  }, 60_000);

  const facts = (count: number): Fact[] =>
    Array.from({ length: count }, (_, n) => ({
      type: n === count - 2 ? 'rare' : 'common',
      tags: ['all', `n${n % 10}`, `m${n % 7}`],
    }));

  it('walks along what is rarest', () => {
    using test = new TestWriter(options);
    fill(test, facts(3000), 3000);
    const questions: [Query, number, number | null][] = [
      [[{ tags: ['n3', 'm4'] }], -1, 53],
      [[{ tags: ['n3', 'm4'] }], 53, 123],
      [[{ tags: ['all'], types: ['rare'] }], -1, 2998],
      [[{ tags: ['all', 'n8', 'm2'], types: ['rare', 'other'] }], -1, 2998],
      [[{ tags: ['all', 'n7'], types: ['rare'] }], -1, null],
      [[{ types: ['rare'] }, { tags: ['n9', 'm6', 'all'], types: ['common'] }], 2000, 2029],
      [[{}], 2990, 2991],
      [[], -1, null],
    ];
    for (const [query, after, wanted] of questions) expect(matchOf(test, query, after)).toBe(wanted);
  });

  it('sees what came before it in the same commit', () => {
    using test = new TestWriter(options);
    const decide = () => ({
      ...write('a', [{ type: 'taken', tags: ['seat'] }]),
      condition: { failIfEventsMatch: [{ tags: ['seat'] }], after: -1 },
    });
    const outcomes = test.commit(decide(), decide(), decide());
    expect(resultOf(outcomes[0]!)).toMatchObject({ position: 0 });
    for (const outcome of outcomes.slice(1)) expect(errorOf(outcome)).toMatchObject({ position: 0, after: -1 });
  });

  it.each([
    ['an entry is lost', "DELETE FROM tag_index WHERE position = 60 AND tag = (SELECT id FROM tags WHERE name = 'n0')"],
    [
      'an entry leads elsewhere',
      "UPDATE tag_index SET position = 61 WHERE position = 60 AND tag = (SELECT id FROM tags WHERE name = 'n0')",
    ],
    ['an event is changed', 'UPDATE events SET type = 99 WHERE position = 60'],
  ])('is not answered from damage: %s', (_, sql) => {
    using test = new TestWriter(options);
    fill(test, facts(100), 100);
    test.writer.close();
    test.tamper(sql);
    test.open();
    const outcome = decided(test, [{ tags: ['n0', 'm4'] }], -1);
    expect(errorOf(outcome).code).toBe('store_damaged');
  });

  const idOf = (table: string, name: string) => `(SELECT id FROM ${table} WHERE name = '${name}')`;

  it.each<[string, string, QueryItem, number]>([
    [
      'the first entry after the position is lost',
      `DELETE FROM tag_index WHERE position = 53 AND tag = ${idOf('tags', 'n3')}`,
      { tags: ['n3', 'm4'] },
      45,
    ],
    [
      'the first entry after the position leads to one before it',
      `UPDATE tag_index SET position = 44 WHERE position = 53 AND tag = ${idOf('tags', 'n3')}`,
      { tags: ['n3', 'm4'] },
      45,
    ],
    [
      'the entry of another tag is lost',
      `DELETE FROM tag_index WHERE position = 53 AND tag = ${idOf('tags', 'm4')}`,
      { tags: ['n3', 'm4'] },
      -1,
    ],
    [
      'the type of an event is changed',
      'UPDATE events SET type = 99 WHERE position = 98',
      { types: ['rare'], tags: ['n8'] },
      90,
    ],
    [
      'the last entry of a type leads to an event of another type',
      `UPDATE type_index SET position = 44 WHERE type = ${idOf('types', 'rare')}`,
      { types: ['rare'] },
      50,
    ],
    [
      'the last entry of a tag leads to another event',
      `UPDATE tag_index SET position = 95 WHERE position = 98 AND tag = ${idOf('tags', 'n8')}`,
      { tags: ['n8'] },
      96,
    ],
    [
      'the last entries of a type are lost',
      `DELETE FROM type_index WHERE position > 95 AND type = ${idOf('types', 'common')}`,
      { types: ['common'] },
      95,
    ],
  ])('is not taken to hold where %s', (_, sql, item, after) => {
    using test = new TestWriter(options);
    fill(test, facts(100), 100);
    test.writer.close();
    test.tamper(sql);
    test.open();
    const outcome = decided(test, [item], after);
    expect(errorOf(outcome).code).toBe('store_damaged');
  });
});

describe('a condition that takes long to look for', () => {
  it('is looked through part by part, one for each commit, while others are written', () => {
    using test = new TestWriter({ conditionEntries: 100 });
    // Two tags on many events, and never on one.
    const events = (n: number) => Array.from({ length: 500 }, (_, i) => ({ type: 't', tags: [`${(n + i) % 2}`] }));
    for (let n = 0; n < 4; n++) test.append('s', events(n));
    test.reopen();
    const condition = { failIfEventsMatch: [{ tags: ['0', '1'] }], after: -1 };
    const [one, other] = test.appends({ ...write('a', ['x']), condition }, { ...write('b', ['x']), condition });
    let asked = 0;
    for (; ; asked++) {
      const [plain] = test.appends(write('c', ['x']));
      const [first, second, third] = test.writer.commit([one!, plain!, other!]);
      expect(second!.ok).toBe(true);
      if (first!.ok) {
        expect(third!.ok).toBe(true);
        break;
      }
      expect([errorOf(first).code, errorOf(third).code]).toEqual(['overloaded', 'overloaded']);
    }
    // 1,000 entries, up to 200 in a part; what is left at the end is looked at with the append.
    expect(asked).toBeGreaterThanOrEqual(4);
    expect(asked).toBeLessThan(20);
    expect(
      test.rows("SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE name IN ('a', 'b')"),
    ).toEqual([[2]]);
  });

  it('is forgotten with the writer, and begun anew', () => {
    using test = new TestWriter({ conditionEntries: 10 });
    test.append(
      's',
      Array.from({ length: 100 }, (_, i) => ({ type: 't', tags: [`${i % 2}`] })),
    );
    test.reopen();
    const request = { ...write('a', ['x']), condition: { failIfEventsMatch: [{ tags: ['0', '1'] }], after: -1 } };
    expect(errorOf(test.commit(request)[0]).code).toBe('overloaded');
    test.reopen();
    expect(decided(test, request.condition.failIfEventsMatch, -1).ok).toBe(true);
  });

  it('is begun anew when what was looked through has been taken back', () => {
    using test = new TestWriter({ conditionEntries: 10 });
    // More than the tail may hold: part of it is indexed within the commit that is taken back.
    const events = (tag: string) => Array.from({ length: 1000 }, (_, i) => ({ type: 't', tags: [`${i % 2}`, tag] }));
    const query = [{ tags: ['0', '1'] }];
    const condition = { failIfEventsMatch: query, after: -1 };
    const [last] = test.appends({ ...write('a', ['x']), condition });
    const many = Array.from({ length: 20 }, (_, n) => test.appends(write(`s${n}`, events('before')))[0]!);
    // It makes the commit fail after the condition was looked at.
    const bad = { kind: 'append' as const, buffer: Buffer.alloc(8), start: 0 };
    expect(() => test.writer.commit([...many, last!, bad])).toThrow();
    expect(test.writer.lastPosition).toBe(-1);
    const both = Array.from({ length: 1000 }, () => ({ type: 't', tags: ['0', '1'] }));
    test.append('s', both);
    test.reopen();
    expect(errorOf(decided(test, query, -1))).toMatchObject({ code: 'append_condition_failed', position: 0 });
  });
});
