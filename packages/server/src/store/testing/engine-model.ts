import fc from 'fast-check';
import { expect } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import type { AppendRequest } from '../append.ts';
import type { Engine } from '../engine.ts';
import {
  answerTo,
  type Command,
  command,
  comparable,
  factsOf,
  MODEL_START_MS,
  type Question,
  question,
} from './engine-commands.ts';
import { type OpenEngine, plain, readAll } from './engine-steps.ts';
import { MemoryEngine } from './memory-engine.ts';

type Step =
  /** Asked for in one turn. */
  | { readonly kind: 'commands'; readonly commands: readonly Command[] }
  | { readonly kind: 'question'; readonly question: Question }
  /** Sets the clocks, back too. */
  | { readonly kind: 'clock'; readonly s: number }
  | { readonly kind: 'reopen' | 'crash' | 'harm' };

function step(times: boolean): fc.Arbitrary<Step> {
  return fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('commands' as const),
        commands: fc.array(command, { minLength: 1, maxLength: 5 }),
      }),
    },
    { weight: 10, arbitrary: fc.record({ kind: fc.constant('question' as const), question: question(times) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('clock' as const), s: fc.nat(40) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('reopen' as const, 'crash' as const, 'harm' as const) }),
    },
  );
}

/**
 * Random commands and questions to an engine and to the naive model: every answer, and in the end everything stored, must
 * be the same. A failure prints its seed; `FC_SEED` takes it back.
 * @param times whether the engine goes by a clock that the test sets
 */
export async function agreesWithModel(open: OpenEngine, times: boolean, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step(times), { minLength: 5, maxLength: 60 }), (steps) => runBeside(open, steps, times)),
    seeded(runs),
  );
}

async function runBeside(open: OpenEngine, steps: readonly Step[], times: boolean): Promise<void> {
  const test = await open();
  let nowMs = MODEL_START_MS;
  const model = new MemoryEngine({ wallMs: () => nowMs, maxLooked: 5 });
  const asked: AppendRequest[] = [];
  let engine: Engine = test.engine;
  try {
    for (const one of steps) {
      if (one.kind === 'clock') nowMs = MODEL_START_MS + one.s * 1000;
      // Also after another engine was opened in its place.
      test.setWallMs?.(nowMs);
      if (one.kind === 'reopen' || one.kind === 'crash') {
        const reborn = (await test[one.kind]?.()) ?? null;
        if (reborn === null) continue;
        engine = reborn;
        model.restarted();
      }
      if (one.kind === 'harm') await test.harm?.();
      else if (one.kind === 'question') {
        const [real, expected] = await Promise.all([engine, model].map((each) => factsOf(each, one.question, times)));
        expect(real, JSON.stringify(one.question)).toEqual(expected);
      } else if (one.kind === 'commands') {
        const answers = (of: Engine) => Promise.all(one.commands.map((each) => answerTo(of, each, asked)));
        const [real, expected] = await Promise.all([answers(engine), answers(model)]);
        expect(comparable(real, times), JSON.stringify(one.commands)).toEqual(comparable(expected, times));
        for (const each of one.commands) if (each.kind === 'append') asked.push(each.request);
      }
    }
    await sameInTheEnd(engine, model, times);
  } finally {
    await test.close();
  }
}

async function sameInTheEnd(engine: Engine, model: Engine, times: boolean): Promise<void> {
  expect(engine.lastPosition).toBe(model.lastPosition);
  const [real, expected] = await Promise.all([engine, model].map((each) => readAll(each)));
  const seen = (event: ReturnType<typeof plain>) => (times ? event : { ...event, timeUs: 0 });
  expect(real!.map(plain).map(seen)).toEqual(expected!.map(plain).map(seen));
  for (let from: number | null = 0; from !== null; ) {
    const report: { faults: readonly object[]; next: number | null } = await engine.read('verify', { from });
    expect(report.faults).toEqual([]);
    from = report.next;
  }
}
