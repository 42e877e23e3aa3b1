import { describe, expect, it } from 'vitest';
import type { ExpectedVersion } from '../../append.ts';
import { append, type OpenEngine, onEngine, readAll, refusal } from '../engine-steps.ts';

/** Optimistic concurrency: what a stream must be like for an append to be taken. */
export function describeExpectations(open: OpenEngine): void {
  describe('an expected version', () => {
    const cases: [stream: string, ExpectedVersion, taken: boolean][] = [
      ['missing', 'any', true],
      ['missing', 'none', true],
      ['missing', -1, true],
      ['missing', 'exists', false],
      ['missing', 0, false],
      ['there', 'any', true],
      ['there', 'exists', true],
      ['there', 2, true],
      ['there', 'none', false],
      ['there', -1, false],
      ['there', 1, false],
      ['there', 3, false],
      ['gone', 'any', true],
      ['gone', 'none', true],
      ['gone', 2, true],
      ['gone', 'exists', false],
      ['gone', 1, false],
    ];
    it.each(cases)('on a stream that is %s: %s is taken: %s', (stream, expected, taken) =>
      onEngine(open, async (engine) => {
        await append(engine, 'there', ['x', 'x', 'x']);
        await append(engine, 'gone', ['x', 'x', 'x']);
        await engine.write('deleteStream', { stream: 'gone', tombstone: false });
        const last = stream === 'missing' ? -1 : 2;
        if (taken) {
          expect(await append(engine, stream, ['y'], expected)).toMatchObject({ versions: [last + 1], position: 6 });
          return;
        }
        expect(await refusal(append(engine, stream, ['y'], expected))).toMatchObject({
          code: 'wrong_expected_version',
          stream,
          expected: expected === -1 ? 'none' : expected,
          actual: last,
        });
        expect(engine.lastPosition).toBe(5);
      }),
    );

    it.each(['newest', 1.5, -2, Number.NaN, 2 ** 60])('of %s is refused', (expected) =>
      onEngine(open, async (engine) => {
        expect((await refusal(append(engine, 'a', ['x'], expected as ExpectedVersion))).code).toBe('bad_request');
        expect(engine.lastPosition).toBe(-1);
      }),
    );

    it('lets exactly one of 16 writers through, round after round', () =>
      onEngine(open, async (engine) => {
        for (let round = 0; round < 20; round++) {
          const answers = await Promise.all(
            Array.from({ length: 16 }, (_, i) =>
              append(engine, 'race', [`w${i}`], round - 1).then(
                () => 'won',
                (error: { code: string }) => error.code,
              ),
            ),
          );
          expect(answers.filter((answer) => answer === 'won')).toHaveLength(1);
          expect(answers.filter((answer) => answer === 'wrong_expected_version')).toHaveLength(15);
        }
        expect((await readAll(engine, { stream: 'race' })).map(({ version }) => version)).toEqual([
          ...Array(20).keys(),
        ]);
      }));

    it('sees what was asked for just before it, in the same turn', () =>
      onEngine(open, async (engine) => {
        const answers = await Promise.allSettled([
          append(engine, 'a', ['x'], 'none'),
          append(engine, 'a', ['x'], 0),
          append(engine, 'a', ['x'], 0),
          append(engine, 'a', ['x'], 1),
        ]);
        expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
      }));
  });
}
