import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../event.ts';
import { append, type OpenEngine, onEngine, plain, readAll, refusal, uuid } from '../engine-steps.ts';

/** Who hears of every commit. */
export function describeListeners(open: OpenEngine): void {
  describe('a listener', () => {
    it('hears of every event once, in order, before the append is answered', () =>
      onEngine(open, async (engine) => {
        const heard: StoredEvent[] = [];
        engine.listener = { committed: (events) => heard.push(...events) };
        const asked = Array.from({ length: 100 }, async (_, i) => {
          const events = Array.from({ length: (i % 4) + 1 }, () => ({
            type: `t${i}`,
            data: { i },
            tags: [`g${i % 3}`],
          }));
          const { position } = await append(engine, `s${i % 7}`, events);
          return heard.some((event) => event.position === position);
        });
        expect(await Promise.all(asked)).toEqual(asked.map(() => true));
        expect(heard.map(({ position }) => position)).toEqual([...Array(250).keys()]);
        expect(heard.map(plain)).toEqual((await readAll(engine)).map(plain));
      }));

    it('hears nothing of refused and repeated appends, nor of deletes', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', [{ id: uuid(1), type: 'x' }]);
        const heard: number[] = [];
        engine.listener = { committed: (events) => heard.push(...events.map(({ position }) => position)) };
        await append(engine, 'a', [{ id: uuid(1), type: 'x' }]);
        await refusal(append(engine, 'a', ['x'], 7));
        await engine.write('deleteStream', { stream: 'a', tombstone: false });
        const answers = await Promise.allSettled([
          append(engine, 'b', ['x']),
          append(engine, 'b', ['x'], 'none'),
          append(engine, 'b', [{ id: uuid(1), type: 'y' }]),
          append(engine, 'b', ['x'], 0),
        ]);
        expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
        expect(heard).toEqual([1, 2]);
      }));

    it('may keep what it hears', () =>
      onEngine(open, async (engine) => {
        const heard: StoredEvent[] = [];
        engine.listener = { committed: (events) => heard.push(...events) };
        for (let i = 0; i < 20; i++) await append(engine, 'a', [{ type: `t${i}`, data: new Uint8Array(5000).fill(i) }]);
        expect(heard.map(plain)).toEqual((await readAll(engine)).map(plain));
      }));

    it('hears of what is committed while it listens', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x']);
        const heard: number[] = [];
        engine.listener = { committed: (events) => heard.push(...events.map(({ position }) => position)) };
        await append(engine, 'a', ['x', 'x']);
        engine.listener = null;
        await append(engine, 'a', ['x']);
        engine.listener = { committed: (events) => heard.push(...events.map(({ position }) => position)) };
        await append(engine, 'a', ['x']);
        expect(heard).toEqual([1, 2, 4]);
      }));
  });

  describe('a closed engine', () => {
    it('refuses everything', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x']);
        await engine.close();
        const codes = /^(shutting_down|store_unavailable)$/;
        expect((await refusal(append(engine, 'a', ['x']))).code).toMatch(codes);
        expect((await refusal(readAll(engine))).code).toMatch(codes);
        expect((await refusal(engine.write('deleteSubscription', { name: 's' }))).code).toMatch(codes);
      }));

    it('has kept everything that was acknowledged, and what was asked for before it closed', () =>
      onEngine(open, async (engine, test) => {
        if (test.reopen === null) return;
        const asked = Array.from({ length: 50 }, (_, i) => append(engine, 'a', [`t${i}`]));
        const [answers, reopened] = await Promise.all([Promise.allSettled(asked), test.reopen()]);
        const taken = answers.filter(({ status }) => status === 'fulfilled').length;
        const kept = await readAll(reopened);
        expect(kept.map(({ type }) => type)).toEqual(kept.map((_, i) => `t${i}`));
        expect(kept.length).toBe(taken);
      }));
  });
}
