import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { LOOKUP_DEFAULTS } from './lookup-options.ts';
import { type Asked, scene, subscribers, textOf } from './testing/lookup-scene.ts';

const KEYS = ['/a', '/b', '/c', '/d', '/e', '/f'].map((path) => subscribers(path));
const PEERS = ['p', 'q', 'r', 's'];
const MOST = { maxKeys: 5, maxTargetsPerKey: 3, concurrency: 2 };
const { ttlMs, wrongForMs } = LOOKUP_DEFAULTS;

const key = fc.nat(KEYS.length - 1);
const peer = fc.constantFrom(...PEERS);
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('renew' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('plant' as const), key, peer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('forget' as const), key, peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wrong' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cover' as const), key, is: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('fail' as const), how: fc.constantFrom('not', 'at once', 'silently') }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(5, 30, 300, 2000, 20_000, 50_000) }),
  },
);

/** What a naive reader of the same events knows of a key. */
class Model {
  known = new Set<string>();
  /** Nobody waits until then, unless it was evicted. */
  completeUntil = 0;
  /** Evictions when it was answered. */
  evictions = 0;
  /** Queries of the key when it was to be renewed last; -1: nothing is owed. */
  owedAfter = -1;
  evictionsWhenOwed = 0;
}

it('whatever happens: one query per key, nobody waits for what is known, and every renewal comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 80, size: 'max' }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (actions, numbers) => {
        const { clock, lookups, me, covered, asked, pass, plant, forget } = scene({
          lookups: MOST,
          directory: { recordDelayMs: 10 },
          random: () => numbers.next().value as number,
        });
        const models = new Map(KEYS.map((key) => [textOf(key), new Model()]));
        const wrong = new Map<string, number>();
        const queriesOf = (key: string): Asked[] => asked.filter((query) => query.key === key);
        lookups.onFound = (key, { peerId }) => {
          expect(queriesOf(textOf(key)).at(-1)!.found).toContain(peerId);
          expect(wrong.get(peerId!) ?? 0).toBeLessThanOrEqual(clock.now());
        };
        lookups.onEnd = (key, failed) => {
          const model = models.get(textOf(key))!;
          // Somebody else took its place while it was asked for.
          if (lookups.peek(key) === null) return;
          if (!failed) model.known = new Set(queriesOf(textOf(key)).at(-1)!.found.slice(0, MOST.maxTargetsPerKey));
          const forMs = failed ? LOOKUP_DEFAULTS.failedTtlMs : 0.9 * ttlMs;
          model.completeUntil = Math.max(model.completeUntil, clock.now() + forMs);
          model.evictions = lookups.counters.evictions;
        };
        const check = () => {
          expect(lookups.size).toBeLessThanOrEqual(MOST.maxKeys);
          expect(lookups.runningQueries).toBeLessThanOrEqual(MOST.concurrency);
          expect(lookups.pending().length).toBeLessThanOrEqual(MOST.maxKeys);
          expect(asked.filter(({ isOver }) => !isOver).length).toBeLessThanOrEqual(MOST.concurrency);
          for (const key of KEYS) {
            const name = textOf(key);
            const model = models.get(name)!;
            const queries = queriesOf(name);
            expect(queries.filter(({ isOver }) => !isOver).length).toBeLessThanOrEqual(1);
            const { evictions } = lookups.counters;
            const found = lookups.peek(key);
            if (found === null) {
              if (clock.now() < model.completeUntil) expect(evictions).toBeGreaterThan(model.evictions);
              model.known.clear();
              model.completeUntil = 0;
            } else {
              expect(found.targets.size).toBeLessThanOrEqual(MOST.maxTargetsPerKey);
              // While a query goes on, what it has found is there as well.
              const may = new Set([...model.known, ...(queries.at(-1)?.found ?? [])]);
              for (const peerId of found.targets.keys()) {
                expect(may).toContain(peerId);
                expect(wrong.get(peerId) ?? 0).toBeLessThanOrEqual(clock.now());
              }
              if (lookups.pending().every((query) => textOf(query) !== name)) {
                for (const peerId of found.targets.keys()) model.known.add(peerId);
                const missing = [...model.known].filter(
                  (id) => !found.targets.has(id) && !((wrong.get(id) ?? 0) > clock.now()),
                );
                expect(missing).toEqual([]);
              }
            }
            if (clock.now() < model.completeUntil) {
              expect([name, found?.isComplete]).toEqual([name, true]);
            }
            if (queries.length > model.owedAfter) model.owedAfter = -1;
            if (found === null && model.owedAfter >= 0) {
              expect(evictions).toBeGreaterThan(model.evictionsWhenOwed);
              model.owedAfter = -1;
            }
          }
        };
        for (const act of actions) {
          const target = 'key' in act ? KEYS[act.key]! : null;
          if (act.do === 'get') {
            const before = asked.length;
            const { isComplete } = lookups.get(target!);
            // Nothing happens within the call.
            expect(asked.length).toBe(before);
            if (!isComplete) expect(lookups.pending().some((query) => textOf(query) === textOf(target!))).toBe(true);
          } else if (act.do === 'renew') {
            const model = models.get(textOf(target!))!;
            lookups.renew(target!);
            model.owedAfter = queriesOf(textOf(target!)).length;
            model.evictionsWhenOwed = lookups.counters.evictions;
          } else if (act.do === 'cancel') {
            const model = models.get(textOf(target!))!;
            lookups.cancel(target!);
            if (lookups.peek(target!) === null) model.completeUntil = 0;
          } else if (act.do === 'plant') plant(target!, act.peer);
          else if (act.do === 'forget') forget(target!, act.peer);
          else if (act.do === 'wrong') {
            lookups.wasWrong(act.peer);
            wrong.set(act.peer, clock.now() + wrongForMs);
          } else if (act.do === 'cover') {
            if (act.is) covered.add(target!.path);
            else covered.delete(target!.path);
          } else if (act.do === 'fail') {
            me.isOutOfReach = act.how === 'at once';
            me.isSilent = act.how === 'silently';
          } else for (let left = act.ms; left > 0; left -= 1000) await pass(Math.min(left, 1000), 10).then(check);
          check();
        }
        me.isOutOfReach = false;
        me.isSilent = false;
        await pass(20_000, 10);
        check();
        for (const [name, { owedAfter }] of models) expect([name, owedAfter]).toEqual([name, -1]);
        lookups.stop();
        await pass(10);
        expect([clock.pending, lookups.size, asked.filter(({ isOver }) => !isOver).length]).toEqual([0, 0, 0]);
      },
    ),
    seeded(100),
  );
}, 60_000);
