import { describe, expect, it } from 'vitest';
import { checkConformance, checkRepository } from './check-conformance.ts';
import { MQTT_3_1_1, MQTT_5_0, type Specification, statementNumbers } from './mqtt-statements.ts';

const SPECIFICATION: Specification = { title: 'S', sections: [['1.0', 1, 3]] };
const FILES: Record<string, string> = {
  'packages/server/src/broker/a.ts': 'export function route() {}',
  'packages/protocol/src/b.ts': 'class Decoder { #run() {} }',
  'packages/server/src/broker/a.test.ts': [
    "it('routes what it gets', () => {});",
    '// it says so in a comment',
    "it.each([['a row of a table']])('%s', () => {});",
  ].join('\n'),
};
const ROWS = [
  '| 1.0-1 | routes | `broker/a.ts: route` | `broker/a.test.ts` › routes what it gets |',
  '| 1.0-2 | decodes | `protocol/b.ts: Decoder.run`<br>`broker/a.ts: route` | `broker/a.test.ts` › a row of a table |',
  '| 1.0-3 | sends | client only | |',
];

const check = (...rows: string[]): string[] => {
  const doc = ['# Title', '', '## S', '', '| number | statement | code | test |', '|---|---|---|---|', ...rows, ''];
  return checkConformance(doc.join('\n'), (path) => FILES[path] ?? null, [SPECIFICATION]);
};
const without = (index: number, row?: string): string[] =>
  ROWS.toSpliced(index, 1, ...(row === undefined ? [] : [row]));

describe('the conformance check', () => {
  it('passes a whole table', () => {
    expect(check(...ROWS)).toEqual([]);
  });

  it('passes several statements in one row that binds clients only', () => {
    expect(check(ROWS[0]!, '| 1.0-2, 1.0-3 | sends | client only | |')).toEqual([]);
  });

  it.each([
    ['a statement without a row', without(2), 'no row for 1.0-3'],
    ['a statement left out', without(1), 'has 1.0-3 where 1.0-2 belongs'],
    ['a number twice', [...ROWS.slice(0, 1), ...ROWS], 'has 1.0-1 where 1.0-2 belongs'],
    ['numbers out of order', [ROWS[1]!, ROWS[0]!, ROWS[2]!], 'has 1.0-2 where 1.0-1 belongs'],
    ['a number that is none', [...ROWS, '| 1.0-4 | x | client only | |'], 'which is no statement'],
    ['no statement', without(2, '| 1.0-3 | | client only | |'), 'says nothing'],
    ['no code', without(0, '| 1.0-1 | x | | `broker/a.test.ts` › routes what it gets |'), 'names no code'],
    ['no test', without(0, '| 1.0-1 | x | `broker/a.ts: route` | |'), 'names no test'],
    ['a file that is not there', without(0, ROWS[0]!.replace('broker/a.ts', 'broker/c.ts')), 'there is no packages/'],
    ['a symbol that is not there', without(0, ROWS[0]!.replace(': route', ': rout')), 'has no rout'],
    ['no symbol', without(0, ROWS[0]!.replace(': route', '')), 'names no symbol'],
    ['a test that is not there', without(0, ROWS[0]!.replace('what it gets', 'nothing')), 'has no test'],
    ['a title that is a comment', without(0, ROWS[0]!.replace('routes what it gets', 'it says so')), 'has no test'],
    ['a test file that is none', without(0, ROWS[0]!.replace('a.test.ts', 'a.ts')), 'is no test file'],
    ['a title too short to mean one', without(0, ROWS[0]!.replace('routes what it gets', 'it')), 'names no test'],
    ['a test for clients', without(2, '| 1.0-3 | x | client only | `broker/a.test.ts` › a row of |'), 'names a test'],
    ['several statements that bind us', [ROWS[0]!, ROWS[1]!.replace('1.0-2', '1.0-2, 1.0-3')], 'several statements'],
    ['a cell too many', without(2, '| 1.0-3 | x | client only | | |'), 'cells, not 4'],
  ])('finds %s', (_, rows, problem) => {
    const problems = check(...rows);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('finds a table that is missing', () => {
    expect(checkConformance('# Title', () => null, [SPECIFICATION])).toEqual(['S: no row for 1.0-1']);
  });
});

describe('the statements', () => {
  it.each([
    [MQTT_3_1_1, 141],
    [MQTT_5_0, 251],
  ] as const)('are as many as appendix B has ($title)', (specification, count) => {
    const numbers = statementNumbers(specification);
    expect(numbers).toHaveLength(count);
    expect(new Set(numbers).size).toBe(count);
  });

  it('have their rows in docs/mqtt-conformance.md', () => {
    expect(checkRepository()).toEqual([]);
  });
});
