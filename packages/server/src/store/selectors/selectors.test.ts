import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { type EventFacts, JSON_TYPE } from '../event.ts';
import type { PayloadCondition, Selector } from '../selector.ts';
import { checkSelector } from './check-selector.ts';
import { compileSelector } from './compile.ts';
import { DispatchIndex, Interest } from './dispatch-index.ts';
import { Pattern } from './pattern.ts';
import { parsePath } from './payload-path.ts';

const event = (parts: Partial<EventFacts> = {}): EventFacts => ({
  stream: 'order-1',
  type: 'Placed',
  tags: [],
  data: null,
  contentType: JSON_TYPE,
  ...parts,
});

const holds = (where: PayloadCondition, data: unknown): boolean => {
  const selector: Selector = { kind: 'payload', where };
  checkSelector(selector);
  return compileSelector(selector)(event({ data }));
};

describe('a pattern', () => {
  it('agrees with the regular expression it stands for', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(text, name, (pattern, stream) => {
        const regex = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        expect(new Pattern(pattern).matches(stream)).toBe(regex.test(stream));
      }),
      seeded(2000),
    );
  });

  it('takes signs of other pattern languages as they are', () => {
    expect(new Pattern('a.c*').matches('abc')).toBe(false);
    expect(new Pattern('a?[b]*').matches('a?[b]c')).toBe(true);
    expect(new Pattern('*').matches('anything')).toBe(true);
  });

  it('does not slow down on names that almost match', () => {
    const pattern = new Pattern(`${'a*'.repeat(90)}b`);
    const started = performance.now();
    for (let i = 0; i < 1000; i++) pattern.matches('a'.repeat(200));
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('a payload path', () => {
  it.each([
    ['$', []],
    ['$.a', ['a']],
    ['$.a.b[0]', ['a', 'b', 0]],
    ["$['a b']['c.d']", ['a b', 'c.d']],
    ["$['it\\'s']['back\\\\slash']", ["it's", 'back\\slash']],
    ['$[12][0].ü', [12, 0, 'ü']],
  ])('%s is read', (text, steps) => {
    expect(parsePath(text)).toEqual(steps);
  });

  it.each([
    '',
    'a',
    '$.',
    '$a',
    '$..a',
    '$[]',
    '$[-1]',
    '$[01]',
    '$["a"]',
    "$['a]",
    "$['']",
    '$.a b',
    '$[1.5]',
    `$${'.a'.repeat(33)}`,
    `$.${'a'.repeat(1000)}`,
  ])('%s is refused', (text) => {
    expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });
});

describe('a payload selector', () => {
  const data = { n: 5, s: 'm', list: [1, { x: true }], none: null, o: { b: 2, a: 1 } };

  it.each<[PayloadCondition, boolean]>([
    [{ path: '$.n', op: 'eq', value: 5 }, true],
    [{ path: '$.n', op: 'eq', value: '5' }, false],
    [{ path: '$.none', op: 'eq', value: null }, true],
    [{ path: '$.absent', op: 'eq', value: null }, false],
    [{ path: '$.absent', op: 'ne', value: null }, true],
    [{ path: '$.n', op: 'ne', value: 5 }, false],
    [{ path: '$.o', op: 'eq', value: { a: 1, b: 2 } }, true],
    [{ path: '$.o', op: 'eq', value: { a: 1 } }, false],
    [{ path: '$.list', op: 'eq', value: [1, { x: true }] }, true],
    [{ path: '$.list[1].x', op: 'eq', value: true }, true],
    [{ path: '$.list[2]', op: 'exists', value: false }, true],
    [{ path: '$.none', op: 'exists', value: true }, true],
    [{ path: '$.list.length', op: 'exists', value: true }, false],
    [{ path: '$.o.constructor', op: 'exists', value: true }, false],
    [{ path: '$.s[0]', op: 'exists', value: true }, false],
    [{ path: '$.n', op: 'gt', value: 4 }, true],
    [{ path: '$.n', op: 'gt', value: 5 }, false],
    [{ path: '$.n', op: 'gte', value: 5 }, true],
    [{ path: '$.n', op: 'lt', value: 5 }, false],
    [{ path: '$.n', op: 'lte', value: 5 }, true],
    [{ path: '$.n', op: 'lt', value: '9' }, false],
    [{ path: '$.s', op: 'gt', value: 'a' }, true],
    [{ path: '$.none', op: 'lte', value: 0 }, false],
    [{ path: '$.absent', op: 'lt', value: 1 }, false],
    [{ path: '$.n', op: 'in', value: [1, 5] }, true],
    [{ path: '$.o', op: 'in', value: [{ b: 2, a: 1 }] }, true],
    [{ path: '$.absent', op: 'in', value: [null] }, false],
    [{ not: { path: '$.absent', op: 'gt', value: 1 } }, true],
    [
      {
        and: [
          { path: '$.n', op: 'eq', value: 5 },
          { path: '$.s', op: 'eq', value: 'x' },
        ],
      },
      false,
    ],
    [
      {
        or: [
          { path: '$.n', op: 'eq', value: 6 },
          { path: '$.s', op: 'eq', value: 'm' },
        ],
      },
      true,
    ],
  ])('%j: %s', (where, expected) => {
    expect(holds(where, data)).toBe(expected);
  });

  it('looks at the whole value with $', () => {
    expect(holds({ path: '$', op: 'eq', value: 'whole' }, 'whole')).toBe(true);
  });

  it('never matches data that is not JSON, whatever is asked', () => {
    const bytes = event({ contentType: 'text/plain', data: Buffer.from('{"n":5}') });
    const never: PayloadCondition[] = [
      { path: '$', op: 'exists', value: true },
      { path: '$.n', op: 'ne', value: 5 },
      { not: { path: '$.n', op: 'eq', value: 5 } },
    ];
    for (const where of never) expect(compileSelector({ kind: 'payload', where })(bytes)).toBe(false);
  });
});

describe('the check of a selector', () => {
  const deep = (levels: number): unknown =>
    levels === 0 ? { path: '$', op: 'exists', value: true } : { not: deep(levels - 1) };
  const comparison = { path: '$.a', op: 'eq', value: 1 };

  it.each<[string, unknown]>([
    ['no object', 'all'],
    ['null', null],
    ['no kind', {}],
    ['an unknown kind', { kind: 'some' }],
    ['a kind of all objects', { kind: 'constructor' }],
    ['a member too many', { kind: 'all', stream: 'x' }],
    ['no stream', { kind: 'stream' }],
    ['an empty stream', { kind: 'stream', stream: '' }],
    ['a stream that is too long', { kind: 'stream', stream: 'x'.repeat(201) }],
    ['no types', { kind: 'type', types: [] }],
    ['a type that is no text', { kind: 'type', types: [1] }],
    ['too many types', { kind: 'type', types: Array.from({ length: 101 }, (_, i) => `t${i}`) }],
    ['an empty pattern', { kind: 'pattern', pattern: '' }],
    ['no match', { kind: 'tags', tags: ['a'] }],
    ['an empty tag', { kind: 'tags', match: 'any', tags: [''] }],
    ['too long a tag', { kind: 'tags', match: 'any', tags: ['x'.repeat(201)] }],
    ['a tag with U+0000', { kind: 'tags', match: 'any', tags: ['a\0b'] }],
    ['a tag with half a character', { kind: 'tags', match: 'all', tags: ['\ud800'] }],
    ['a query that is no list', { kind: 'query', query: {} }],
    ['no condition', { kind: 'payload' }],
    ['a condition without op', { kind: 'payload', where: { path: '$' } }],
    ['an unknown op', { kind: 'payload', where: { path: '$', op: 'like', value: 'x' } }],
    ['eq without value', { kind: 'payload', where: { path: '$', op: 'eq' } }],
    ['a value that is no JSON', { kind: 'payload', where: { path: '$', op: 'eq', value: Number.NaN } }],
    ['gt with an object', { kind: 'payload', where: { path: '$', op: 'gt', value: {} } }],
    ['in with no list', { kind: 'payload', where: { path: '$', op: 'in', value: 1 } }],
    ['exists with a number', { kind: 'payload', where: { path: '$', op: 'exists', value: 1 } }],
    ['an empty and', { kind: 'payload', where: { and: [] } }],
    ['and beside or', { kind: 'payload', where: { and: [comparison], or: [comparison] } }],
    ['an unknown member', { kind: 'payload', where: { ...comparison, flags: 'i' } }],
    ['conditions that are too deep', { kind: 'payload', where: deep(10) }],
    ['too many conditions', { kind: 'payload', where: { and: Array.from({ length: 100 }, () => comparison) } }],
    ['values that are too large', { kind: 'payload', where: { path: '$', op: 'eq', value: 'x'.repeat(20_000) } }],
  ])('refuses %s', (_, selector) => {
    expect(() => checkSelector(selector)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });

  it('lets pass what is within the bounds', () => {
    const selectors: unknown[] = [
      { kind: 'all' },
      { kind: 'type', types: ['a/b', 'ü'] },
      { kind: 'pattern', pattern: '*' },
      { kind: 'query', query: [] },
      { kind: 'payload', where: deep(9) },
      { kind: 'payload', where: { and: Array.from({ length: 99 }, () => comparison) } },
    ];
    for (const selector of selectors) expect(() => checkSelector(selector)).not.toThrow();
  });
});

describe('the dispatch index', () => {
  const stream = fc.constantFrom('order-1', 'order-2', 'ord', 'cart-1', 'x*y', 'x');
  const type = fc.constantFrom('A', 'B', 'C');
  const tag = fc.constantFrom('t1', 't2', 't3');
  const types = fc.uniqueArray(type, { minLength: 1 });
  const tags = fc.uniqueArray(tag, { minLength: 1 });
  const path = fc.constantFrom('$.n', '$.s', "$['n']", '$.list[0]');
  const value = fc.constantFrom(1, 2, 'a', null, true, [1], { n: 1 });
  const comparison: fc.Arbitrary<PayloadCondition> = fc.oneof(
    fc.record({ path, op: fc.constantFrom('eq' as const, 'ne' as const), value }),
    fc.record({ path, op: fc.constant('in' as const), value: fc.array(value, { maxLength: 3 }) }),
    fc.record({ path, op: fc.constant('exists' as const), value: fc.boolean() }),
    fc.record({ path, op: fc.constantFrom('gt' as const, 'lte' as const), value: fc.constantFrom(1, 'a') }),
  );
  const where: fc.Arbitrary<PayloadCondition> = fc.oneof(
    comparison,
    fc.record({ and: fc.array(comparison, { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(comparison, { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: comparison }),
  );
  const selector: fc.Arbitrary<Selector> = fc.oneof(
    fc.constant<Selector>({ kind: 'all' }),
    fc.record({ kind: fc.constant('stream' as const), stream }),
    fc.record({ kind: fc.constant('type' as const), types }),
    fc.record({
      kind: fc.constant('pattern' as const),
      pattern: fc.constantFrom('*', 'order-*', 'ord*', '*-1', 'o*-*', 'cart-1', '*r*'),
    }),
    fc.record({ kind: fc.constant('tags' as const), match: fc.constantFrom('any' as const, 'all' as const), tags }),
    fc.record({
      kind: fc.constant('query' as const),
      query: fc.array(fc.record({ types, tags }, { requiredKeys: [] }), { maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('payload' as const), where }),
  );
  const facts: fc.Arbitrary<EventFacts> = fc.record({
    stream,
    type,
    tags: fc.uniqueArray(tag),
    contentType: fc.constantFrom(JSON_TYPE, JSON_TYPE, 'text/plain'),
    data: fc.record({ n: value, s: value, list: fc.array(value, { maxLength: 2 }) }, { requiredKeys: [] }),
  });

  it('finds exactly those whose selector matches, each once, while they come and go', () => {
    fc.assert(
      fc.property(fc.array(selector, { maxLength: 30 }), fc.array(facts, { maxLength: 20 }), (selectors, events) => {
        const index = new DispatchIndex<number>();
        const interests = selectors.map((each, i) => new Interest(each, i));
        for (const interest of interests) index.add(interest);
        const gone = interests.filter((_, i) => i % 3 === 0);
        for (const check of [interests, interests.filter((each) => !gone.includes(each))]) {
          for (const each of events) {
            const found: Interest<number>[] = [];
            index.match(each, found);
            const wanted = check.filter(({ test }) => test(each)).map(({ owner }) => owner);
            expect(found.map(({ owner }) => owner).sort((a, b) => a - b)).toEqual(wanted);
          }
          if (check === interests) for (const interest of gone) index.remove(interest);
        }
        expect(index.size).toBe(interests.length - gone.length);
      }),
      seeded(500),
    );
  });
});
