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
  strikable,
} from './engine-commands.ts';
import { type OpenEngine, plain, readAll } from './engine-steps.ts';
import { ModelTale } from './model-tale.ts';
import { type StruckBatch, strike } from './struck-batch.ts';

type Step =
  /** Asked for in one turn. */
  | { readonly kind: 'commands'; readonly commands: readonly Command[] }
  | { readonly kind: 'question'; readonly question: Question }
  /** Sets the clocks, back too. */
  | { readonly kind: 'clock'; readonly s: number }
  | { readonly kind: 'reopen' | 'crash' | 'harm' }
  /** A worker or the node dies while something is under way. */
  | { readonly kind: 'struck'; readonly batch: StruckBatch };

/** Some are before the commands have left, some in the midst of the commit, some after it. */
const PAUSES_MS = [0, 0.3, 0.6, 1, 1.5, 2, 3, 5];

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
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('struck' as const),
        batch: fc.record({
          commands: fc.array(strikable, { minLength: 1, maxLength: 5 }),
          questions: fc.array(question(times), { maxLength: 3 }),
          victim: fc.constantFrom('writer' as const, 'writer' as const, 'reader' as const, 'node' as const),
          pauseMs: fc.constantFrom(...PAUSES_MS),
          isSpread: fc.boolean(),
        }),
      }),
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
    fc.asyncProperty(fc.array(step(times), { minLength: 5, maxLength: 60, size: 'max' }), (steps) =>
      runBeside(open, steps, times),
    ),
    seeded(runs),
  );
}

async function runBeside(open: OpenEngine, steps: readonly Step[], times: boolean): Promise<void> {
  const test = await open();
  let tale = new ModelTale();
  const asked: AppendRequest[] = [];
  let engine: Engine = test.engine;
  try {
    for (const one of steps) {
      // The times of one that goes by the system's clock are near each other.
      if (one.kind === 'clock' && times) tale.nowMs = MODEL_START_MS + one.s * 1000;
      // Also after another engine was opened in its place.
      test.setWallMs?.(tale.nowMs);
      if (one.kind === 'reopen' || one.kind === 'crash') {
        const reborn = (await test[one.kind]?.()) ?? null;
        if (reborn === null) continue;
        engine = reborn;
        tale.restarted();
      }
      if (one.kind === 'harm') await test.harm?.();
      else if (one.kind === 'question') {
        const engines = [engine, tale.model];
        const [real, expected] = await Promise.all(engines.map((each) => factsOf(each, one.question, times)));
        expect(real, JSON.stringify(one.question)).toEqual(expected);
      } else if (one.kind === 'commands') {
        const commands = withoutRetries(one.commands, asked);
        const answers = Promise.all(commands.map((each) => answerTo(engine, each, asked)));
        const [real, expected] = await Promise.all([answers, tale.do(commands)]);
        expect(comparable(real, times), JSON.stringify(commands)).toEqual(comparable(expected, times));
        for (const each of one.commands) if (each.kind === 'append') asked.push(each.request);
      } else if (one.kind === 'struck') {
        const { victim } = one.batch;
        if ((victim === 'node' ? test.crash : test.strike) == null) continue;
        const batch = { ...one.batch, commands: withoutRetries(one.batch.commands, asked) };
        ({ engine, tale } = await strike(test, engine, tale, batch, times));
        for (const each of batch.commands) if (each.kind === 'append') asked.push(each.request);
      }
    }
    await sameInTheEnd(engine, tale.model, times);
  } finally {
    await test.close();
  }
}

/** Each retry as the append that it repeats; those that have none to repeat are left out. */
function withoutRetries(commands: readonly Command[], asked: readonly AppendRequest[]): Command[] {
  return commands.flatMap((each): Command[] => {
    if (each.kind !== 'retry') return [each];
    const request = asked.at(-1 - (each.back % Math.max(asked.length, 1)));
    return request === undefined ? [] : [{ kind: 'append', request }];
  });
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
