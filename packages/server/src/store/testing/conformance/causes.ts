import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engine.ts';
import { decodePage } from '../../page.ts';
import type { CausationRequest } from '../../reads.ts';
import { append, type OpenEngine, onEngine, refusal, uuid } from '../engine-steps.ts';

type What = CausationRequest['what'];

/** Appends events by number; each with the number of its cause, or null. */
async function caused(engine: Engine, causes: readonly (readonly [n: number, cause: number | null])[]): Promise<void> {
  for (const [n, cause] of causes) {
    const correlationId = n < 10 ? 'first' : null;
    await append(engine, `s${n % 3}`, [
      { id: uuid(n), type: 'x', correlationId, causationId: cause === null ? null : uuid(cause).toUpperCase() },
    ]);
  }
}

const numberOf = (id: string): number => Number.parseInt(id.slice(-12), 16);

async function ask(engine: Engine, n: number, what: What, limit = 1000) {
  const { edges, roots, ...result } = await engine.read('causation', { id: uuid(n), what, limit });
  return {
    events: decodePage(result).map(({ id }) => numberOf(id)),
    edges: edges.map(({ from, to }) => [numberOf(from), numberOf(to)]).sort((a, b) => a[1]! - b[1]!),
    roots: roots.map(numberOf).sort((a, b) => a - b),
    truncated: result.truncated,
    cyclic: result.cyclic,
  };
}

/** The graph of causes. */
export function describeCauses(open: OpenEngine): void {
  /** 1 → 2, 3; 2 → 4; 4 → 5; 11 → 12; 13 names a cause that no store knows. */
  const tree = [
    [1, null],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 4],
    [11, null],
    [12, 11],
    [13, 99],
  ] as const;

  describe('causation', () => {
    it('finds effects, cause, chain and what is correlated', () =>
      onEngine(open, async (engine) => {
        await caused(engine, tree);
        expect(await ask(engine, 1, 'effects')).toMatchObject({ events: [2, 3], truncated: false, cyclic: false });
        expect(await ask(engine, 5, 'effects')).toMatchObject({ events: [] });
        expect(await ask(engine, 4, 'cause')).toMatchObject({ events: [2] });
        expect(await ask(engine, 1, 'cause')).toMatchObject({ events: [] });
        expect(await ask(engine, 13, 'cause')).toMatchObject({ events: [] });
        expect(await ask(engine, 5, 'chain')).toMatchObject({
          events: [1, 2, 4, 5],
          edges: [
            [1, 2],
            [2, 4],
            [4, 5],
          ],
          roots: [1],
          truncated: false,
          cyclic: false,
        });
        expect(await ask(engine, 13, 'chain')).toMatchObject({ events: [13], edges: [], roots: [13] });
        expect(await ask(engine, 3, 'correlated')).toMatchObject({ events: [1, 2, 3, 4, 5] });
      }));

    it('finds the graph, from wherever in it', () =>
      onEngine(open, async (engine) => {
        await caused(engine, tree);
        for (const n of [1, 2, 3, 4, 5]) {
          expect(await ask(engine, n, 'graph')).toEqual({
            events: [1, 2, 3, 4, 5],
            edges: [
              [1, 2],
              [1, 3],
              [2, 4],
              [4, 5],
            ],
            roots: [1],
            truncated: false,
            cyclic: false,
          });
        }
        expect(await ask(engine, 12, 'graph')).toMatchObject({ events: [11, 12], edges: [[11, 12]], roots: [11] });
      }));

    it('finds effects that were written before their cause', () =>
      onEngine(open, async (engine) => {
        await caused(engine, [
          [2, 1],
          [3, 2],
          [1, null],
        ]);
        expect(await ask(engine, 1, 'effects')).toMatchObject({ events: [2] });
        expect(await ask(engine, 3, 'chain')).toMatchObject({ events: [1, 2, 3], roots: [1] });
        expect(await ask(engine, 3, 'graph')).toMatchObject({ events: [2, 3, 1], roots: [1], cyclic: false });
      }));

    it('is not led round in circles', () =>
      onEngine(open, async (engine) => {
        await caused(engine, [
          [1, 3],
          [2, 1],
          [3, 2],
          [4, 2],
          [5, 5],
        ]);
        expect(await ask(engine, 2, 'graph')).toMatchObject({
          events: [1, 2, 3, 4],
          edges: [
            [3, 1],
            [1, 2],
            [2, 3],
            [2, 4],
          ],
          roots: [],
          truncated: false,
          cyclic: true,
        });
        const chain = await ask(engine, 4, 'chain');
        expect(chain.cyclic).toBe(true);
        expect(chain.events.at(-1)).toBe(4);
        expect(chain.events.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
        expect(await ask(engine, 5, 'graph')).toMatchObject({ events: [5], edges: [[5, 5]], cyclic: true });
      }));

    it('stops at its limit, and says so', () =>
      onEngine(open, async (engine) => {
        await caused(
          engine,
          Array.from({ length: 9 }, (_, i) => [i + 1, i === 0 ? null : i] as const),
        );
        for (const what of ['chain', 'graph', 'correlated'] as const) {
          const cut = await ask(engine, 9, what, 4);
          expect(cut).toMatchObject({ truncated: true });
          expect(cut.events).toHaveLength(4);
          expect(await ask(engine, 9, what, 9)).toMatchObject({
            truncated: false,
            events: [1, 2, 3, 4, 5, 6, 7, 8, 9],
          });
        }
        expect(await ask(engine, 1, 'effects', 1)).toMatchObject({ truncated: false, events: [2] });
      }));

    it('keeps the root of a chain that it cuts', () =>
      onEngine(open, async (engine) => {
        await caused(
          engine,
          Array.from({ length: 9 }, (_, i) => [i + 1, i === 0 ? null : i] as const),
        );
        expect(await ask(engine, 9, 'chain', 3)).toEqual({
          events: [1, 2, 3],
          edges: [
            [1, 2],
            [2, 3],
          ],
          roots: [1],
          truncated: true,
          cyclic: false,
        });
        expect(await ask(engine, 9, 'chain', 1)).toMatchObject({ events: [1], edges: [], roots: [1], truncated: true });
        expect(await ask(engine, 3, 'chain', 3)).toMatchObject({ events: [1, 2, 3], truncated: false });
      }));

    it('cuts a chain that ends in a circle where it leads into it', () =>
      onEngine(open, async (engine) => {
        // 1 → 2 → 3 → 1, and 3 → 4 → 5 → 6.
        await caused(engine, [
          [1, 3],
          [2, 1],
          [3, 2],
          [4, 3],
          [5, 4],
          [6, 5],
        ]);
        expect(await ask(engine, 6, 'chain')).toMatchObject({ events: [1, 2, 3, 4, 5, 6], truncated: false });
        expect(await ask(engine, 6, 'chain', 2)).toEqual({
          events: [1, 2],
          edges: [[1, 2]],
          roots: [],
          truncated: true,
          cyclic: true,
        });
      }));

    it('starts from an event that there is', () =>
      onEngine(open, async (engine) => {
        for (const what of ['effects', 'cause', 'chain', 'correlated', 'graph'] as const) {
          const answer = engine.read('causation', { id: uuid(1), what, limit: 10 });
          expect((await refusal(answer)).code).toBe('event_not_found');
        }
      }));
  });
}
