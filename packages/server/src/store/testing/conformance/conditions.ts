import { describe, expect, it } from 'vitest';
import type { AppendCondition } from '../../append.ts';
import type { Engine } from '../../engine.ts';
import type { Query } from '../../query.ts';
import { append, type OpenEngine, onEngine, readAll, refusal } from '../engine-steps.ts';

const conditional = (engine: Engine, condition: AppendCondition, stream = 'decided') =>
  engine.append({ writes: [{ stream, events: [{ type: 'decision', tags: ['d'] }] }], condition });

/** The dynamic consistency boundary: an append that fails if something happened that its decision did not see. */
export function describeConditions(open: OpenEngine): void {
  /** Positions: 0 order/placed a1; 1 order/paid a1 b2; 2 stock/counted c3; 3 order/placed b2. */
  const filled = async (engine: Engine): Promise<void> => {
    await append(engine, 'order-1', [
      { type: 'placed', tags: ['a1'] },
      { type: 'paid', tags: ['a1', 'b2'] },
    ]);
    await append(engine, 'stock-1', [{ type: 'counted', tags: ['c3'] }]);
    await append(engine, 'order-2', [{ type: 'placed', tags: ['b2'] }]);
  };

  describe('an append condition', () => {
    it.each<[Query, number, number[]]>([
      [[{ types: ['placed'] }], -1, [0, 3]],
      [[{ types: ['placed'] }], 0, [3]],
      [[{ types: ['placed'] }], 2, [3]],
      [[{ types: ['placed'] }], 3, []],
      [[{ types: ['placed'], tags: ['b2'] }], -1, [3]],
      [[{ types: ['placed', 'paid'], tags: ['b2'] }], -1, [1, 3]],
      [[{ tags: ['a1', 'b2'] }], -1, [1]],
      [[{ tags: ['a1', 'b2'] }], 1, []],
      [[{ tags: ['a1', 'c3'] }], -1, []],
      [[{ types: ['counted'], tags: ['a1'] }], -1, []],
      [[{ types: ['counted'], tags: ['a1'] }, { tags: ['c3'] }], -1, [2]],
      [[{ types: ['nothing'] }, { tags: ['nobody'] }], -1, []],
      [[{}], -1, [0, 1, 2, 3]],
      [[{}], 3, []],
      [[{ types: [], tags: [] }], 2, [3]],
      [[], -1, []],
    ])('of %j after %i is failed by %j', (failIfEventsMatch, after, matches) =>
      onEngine(open, async (engine) => {
        await filled(engine);
        const answer = conditional(engine, { failIfEventsMatch, after });
        if (matches.length === 0) {
          expect(await answer).toMatchObject({ position: 4, versions: [0] });
          return;
        }
        const refused = await refusal(answer);
        expect(refused).toMatchObject({ code: 'append_condition_failed', after });
        expect(matches).toContain(refused.position);
        expect(engine.lastPosition).toBe(3);
      }),
    );

    it('sees every event of the store, also what was asked for just before', () =>
      onEngine(open, async (engine) => {
        await filled(engine);
        const condition = { failIfEventsMatch: [{ tags: ['d'] }], after: -1 };
        const answers = await Promise.allSettled([1, 2, 3].map((n) => conditional(engine, condition, `s${n}`)));
        expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
        expect(await readAll(engine)).toHaveLength(5);
      }));

    it('sees the events of deleted streams', () =>
      onEngine(open, async (engine) => {
        await filled(engine);
        await engine.write('deleteStream', { stream: 'stock-1', tombstone: true });
        const condition = { failIfEventsMatch: [{ types: ['counted'] }], after: -1 };
        expect(await refusal(conditional(engine, condition))).toMatchObject({
          code: 'append_condition_failed',
          position: 2,
        });
      }));

    it('does not see the events of its own append', () =>
      onEngine(open, async (engine) => {
        await conditional(engine, { failIfEventsMatch: [{ types: ['decision'] }], after: -1 });
        expect(engine.lastPosition).toBe(0);
      }));

    it('sees what thousands of other events lie before and after', () =>
      onEngine(open, async (engine) => {
        for (let i = 0; i < 6; i++) await append(engine, 'bulk', Array(1000).fill({ type: 'bulk', tags: ['b'] }));
        const { position } = await append(engine, 'rare', [{ type: 'rare', tags: ['r', 'b'] }]);
        for (let i = 0; i < 6; i++) await append(engine, 'bulk', Array(1000).fill({ type: 'bulk', tags: ['b'] }));
        for (const query of [[{ types: ['rare'] }], [{ tags: ['b', 'r'] }], [{ types: ['rare', 'x'], tags: ['r'] }]]) {
          const refused = await refusal(conditional(engine, { failIfEventsMatch: query, after: position - 1 }));
          expect(refused).toMatchObject({ code: 'append_condition_failed', position });
          await conditional(engine, { failIfEventsMatch: query, after: position }, `s${JSON.stringify(query)}`);
        }
      }));

    it('goes together with expected versions', () =>
      onEngine(open, async (engine) => {
        await filled(engine);
        const writes = [{ stream: 'order-1', expectedVersion: 0, events: [{ type: 'x' }] }];
        const condition = { failIfEventsMatch: [{ types: ['nothing'] }], after: -1 };
        expect((await refusal(engine.append({ writes, condition }))).code).toBe('wrong_expected_version');
      }));

    it('lets exactly one of 16 writers through, round after round', () =>
      onEngine(open, async (engine) => {
        for (let round = 0; round < 20; round++) {
          const { lastPosition } = engine;
          const condition = { failIfEventsMatch: [{ types: ['decision'], tags: ['d'] }], after: lastPosition };
          const answers = await Promise.allSettled(
            Array.from({ length: 16 }, (_, i) => conditional(engine, condition, `s${i}`)),
          );
          expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
          expect(engine.lastPosition).toBe(round);
        }
      }));

    it.each([
      { failIfEventsMatch: [{ kinds: ['x'] }], after: -1 },
      { failIfEventsMatch: [{ types: 'x' }], after: -1 },
      { failIfEventsMatch: [{ tags: [1] }], after: -1 },
      { failIfEventsMatch: {}, after: -1 },
      { failIfEventsMatch: [], after: -2 },
      { failIfEventsMatch: [], after: 0.5 },
      { failIfEventsMatch: Array(101).fill({}), after: -1 },
    ])('of %j is refused', (condition) =>
      onEngine(open, async (engine) => {
        expect((await refusal(conditional(engine, condition as unknown as AppendCondition))).code).toBe('bad_request');
      }),
    );
  });
}
