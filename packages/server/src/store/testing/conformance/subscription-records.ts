import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engine.ts';
import type { SubscriptionProgress } from '../../operations.ts';
import { append, definition, type OpenEngine, onEngine, refusal } from '../engine-steps.ts';

const progress = (name: string, rest: Partial<SubscriptionProgress> = {}): SubscriptionProgress => ({
  ...{ name, checkpoint: null, state: null, park: [], unpark: [] },
  ...rest,
});

const parked = (position: number, attempts = 1) => ({
  position,
  reason: `bad ${position}`,
  attempts,
  parkedUs: 1000 + position,
});

/** What the store keeps of persistent subscriptions. */
export function describeSubscriptionRecords(open: OpenEngine): void {
  const save = (engine: Engine, ...items: SubscriptionProgress[]) => engine.write('saveProgress', { items });
  const one = async (engine: Engine, name = 's') =>
    (await engine.read('listSubscriptions', {})).find((record) => record.definition.name === name);

  describe('subscription records', () => {
    it('begin where the definition says', () =>
      onEngine(open, async (engine, test) => {
        await append(engine, 'a', ['x', 'x', 'x']);
        const all = [
          definition('s', { from: 'start' }),
          definition('n', { from: 'now' }),
          definition('p', { from: 2 }),
        ];
        const made = [];
        for (const each of all) made.push(await engine.write('createSubscription', { definition: each }));
        expect(made.map(({ checkpoint }) => checkpoint)).toEqual([-1, 2, 1]);
        expect(made.map((record) => record.definition)).toEqual(all);
        expect(made.every(({ state, parked: count }) => state === 'running' && count === 0)).toBe(true);
        const listed = await engine.read('listSubscriptions', {});
        const byName = (a: { definition: { name: string } }, b: typeof a) =>
          a.definition.name < b.definition.name ? -1 : 1;
        expect(listed.toSorted(byName)).toEqual(made.toSorted(byName));
        if (test.reopen === null) return;
        const reopened = await (await test.reopen()).read('listSubscriptions', {});
        expect(reopened.toSorted(byName)).toEqual(made.toSorted(byName));
      }));

    it('are made once under a name; the very same again is a retry', () =>
      onEngine(open, async (engine) => {
        const first = await engine.write('createSubscription', { definition: definition('s') });
        expect(await engine.write('createSubscription', { definition: definition('s') })).toEqual(first);
        const other = engine.write('createSubscription', { definition: definition('s', { window: 7 }) });
        expect(await refusal(other)).toMatchObject({ code: 'subscription_exists', name: 's' });
        expect(await engine.read('listSubscriptions', {})).toEqual([first]);
      }));

    it('move their checkpoint forwards only', () =>
      onEngine(open, async (engine, test) => {
        await append(engine, 'a', Array(10).fill('x'));
        await engine.write('createSubscription', { definition: definition('s') });
        expect(await save(engine, progress('s', { checkpoint: 5 }))).toEqual({ saved: 1 });
        await save(engine, progress('s', { checkpoint: 3 }), progress('s', { checkpoint: 4, state: 'paused' }));
        expect(await one(engine)).toMatchObject({ checkpoint: 5, state: 'paused' });
        await save(engine, progress('s', { checkpoint: 7 }));
        expect(await one(engine)).toMatchObject({ checkpoint: 7, state: 'paused' });
        await save(engine, progress('s', { state: 'stopped' }));
        expect(await one(test.reopen === null ? engine : await test.reopen())).toMatchObject({
          checkpoint: 7,
          state: 'stopped',
        });
      }));

    it('go back only when they are reset, and forget what is parked', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', Array(10).fill('x'));
        await engine.write('createSubscription', { definition: definition('s') });
        await save(engine, progress('s', { checkpoint: 8, park: [parked(2), parked(4)] }));
        expect(await one(engine)).toMatchObject({ checkpoint: 8, parked: 2 });
        const reset = await engine.write('resetSubscription', { name: 's', checkpoint: 1 });
        expect(reset).toMatchObject({ checkpoint: 1, parked: 0, definition: definition('s') });
        expect(await one(engine)).toEqual(reset);
        const list = await engine.read('listParked', { name: 's', after: -1, limit: 10 });
        expect(list).toEqual({ items: [], next: null });
        expect(await engine.write('resetSubscription', { name: 's', checkpoint: 9 })).toMatchObject({ checkpoint: 9 });
      }));

    it('keep parked events, in pages by position', () =>
      onEngine(open, async (engine, test) => {
        await append(engine, 'a', Array(10).fill('x'));
        await engine.write('createSubscription', { definition: definition('s') });
        await engine.write('createSubscription', { definition: definition('t') });
        await save(
          engine,
          progress('s', { checkpoint: 7, park: [parked(5), parked(1, 3)] }),
          progress('t', { park: [parked(5)] }),
          progress('s', { park: [parked(3)] }),
        );
        const list = (from: Engine, after: number, limit: number) =>
          from.read('listParked', { name: 's', after, limit });
        expect(await list(engine, -1, 10)).toEqual({ items: [parked(1, 3), parked(3), parked(5)], next: null });
        expect(await list(engine, -1, 2)).toEqual({ items: [parked(1, 3), parked(3)], next: 3 });
        expect(await list(engine, 3, 2)).toEqual({ items: [parked(5)], next: null });
        await save(engine, progress('s', { unpark: [3, 9] }));
        const reopened = test.reopen === null ? engine : await test.reopen();
        expect((await list(reopened, -1, 10)).items.map(({ position }) => position)).toEqual([1, 5]);
        expect(await one(reopened)).toMatchObject({ parked: 2 });
        expect(await one(reopened, 't')).toMatchObject({ parked: 1 });
      }));

    it('are gone with everything that was parked once deleted', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', Array(10).fill('x'));
        await engine.write('createSubscription', { definition: definition('s') });
        await save(engine, progress('s', { checkpoint: 4, park: [parked(2)] }));
        expect(await engine.write('deleteSubscription', { name: 's' })).toEqual({ parked: 1 });
        expect(await engine.read('listSubscriptions', {})).toEqual([]);
        expect(await save(engine, progress('s', { checkpoint: 5 }))).toEqual({ saved: 0 });
        await engine.write('createSubscription', { definition: definition('s', { from: 3 }) });
        expect(await one(engine)).toMatchObject({ checkpoint: 2, parked: 0 });
      }));

    it('are refused under names that are not there', () =>
      onEngine(open, async (engine) => {
        for (const answer of [
          engine.write('deleteSubscription', { name: 's' }),
          engine.write('resetSubscription', { name: 's', checkpoint: 0 }),
        ]) {
          expect(await refusal(answer)).toMatchObject({ code: 'subscription_not_found', name: 's' });
        }
        expect(await save(engine, progress('s', { checkpoint: 5, park: [parked(2)] }))).toEqual({ saved: 0 });
        await engine.write('createSubscription', { definition: definition('s') });
        expect(await one(engine)).toMatchObject({ checkpoint: -1, parked: 0 });
      }));
  });
}
