import { isDeepStrictEqual } from 'node:util';
import { PlexusError } from '@plexus/protocol';
import { expect } from 'vitest';
import type { Engine } from '../engine.ts';
import { answerTo, type Command, comparable, factsOf, type Question, wholeState } from './engine-commands.ts';
import { type EngineUnderTest, plain, readAll } from './engine-steps.ts';
import type { ModelTale } from './model-tale.ts';

/** Commands and questions that are under way when a worker, or the whole node, dies. */
export interface StruckBatch {
  readonly commands: readonly Command[];
  readonly questions: readonly Question[];
  readonly victim: 'writer' | 'reader' | 'node';
  /** From the first command to the blow. The rest is up to the machine: a seed gives the commands again, not the moment. */
  readonly pauseMs: number;
  /** Whether the commands come in a turn each, so that some wait while others are worked on; else in one. */
  readonly isSpread: boolean;
}

/** What was answered to somebody; null: nothing. */
type Heard = { readonly answer: unknown } | null;

/** What came of the batch as it was when nobody could hear of more. */
interface Outcome {
  readonly engine: Engine;
  readonly heard: readonly Heard[];
  readonly reads: readonly (() => Promise<void>)[];
}

/** With these nobody knows whether it was done. */
const UNKNOWN: ReadonlySet<unknown> = new Set(['timeout', 'store_unavailable', 'shutting_down', 'overloaded']);

/**
 * Asks for a batch and strikes while it is under way. What was answered must be done, once; what was not may be done, once, or
 * not. The order is that in which they were asked for, but for what a writer that died had refused: the next one tries it again,
 * after those that were committed.
 * @returns the engine that there is now, and a model in which is done what was done
 */
export async function strike(
  test: EngineUnderTest,
  engine: Engine,
  tale: ModelTale,
  batch: StruckBatch,
  times: boolean,
): Promise<{ engine: Engine; tale: ModelTale }> {
  const before = tale.model.lastPosition + 1;
  const outcome = await askAndStrike(test, engine, batch, before, times);
  const { heard } = outcome;
  if (batch.victim !== 'node') expect(heard, `unanswered: ${JSON.stringify(batch)}`).not.toContain(null);
  const answered = heard.map((one) => one && told(one.answer, times));
  const wanted = { answers: answered, state: await wholeState(outcome.engine, times) };
  const orders =
    batch.victim === 'node'
      ? prefixes(batch.commands.length, heard)
      : arrangements(heard, await triedAgain(tale, batch.commands));
  let nearest: unknown = null;
  for (const order of orders) {
    const candidate = await tale.again();
    const done = await candidate.do(order.map((i) => batch.commands[i]!));
    const answers = heard.map((one, i) => one && told(done[order.indexOf(i)], times));
    if (batch.victim === 'node') candidate.restarted();
    const found = { answers, state: await wholeState(candidate.model, times) };
    nearest ??= found;
    if (!isDeepStrictEqual(found, wanted)) continue;
    for (const check of outcome.reads) await check();
    return { engine: outcome.engine, tale: candidate };
  }
  expect(wanted, `no order explains ${JSON.stringify(batch)}`).toEqual(nearest);
  throw new Error('what differs is not shown');
}

async function askAndStrike(
  test: EngineUnderTest,
  engine: Engine,
  { commands, questions, victim, pauseMs, isSpread }: StruckBatch,
  before: number,
  times: boolean,
): Promise<Outcome> {
  const answers: Heard[] = commands.map(() => null);
  const wholes: { events: readonly object[]; isBackwards: boolean }[] = [];
  let isDead = false;
  const underWay: Promise<void>[] = [];
  const beginMs = performance.now();
  const ask = async (i: number): Promise<void> => {
    const answer = await answerTo(engine, commands[i]!, []);
    if (!isDead && !UNKNOWN.has((answer as { refused?: unknown } | null)?.refused)) answers[i] = { answer };
  };
  const readWhole = async (isBackwards: boolean): Promise<void> => {
    const all = await readAll(engine, { direction: isBackwards ? 'backwards' : 'forwards' });
    if (!isDead) wholes.push({ events: all.map(plain), isBackwards });
  };
  const question = async (one: Question): Promise<void> => {
    // What it says depends on the moment: only that it is said.
    const facts = (await factsOf(engine, one, times)) as { refused?: unknown };
    if (!isDead) expect(UNKNOWN.has(facts.refused), `${JSON.stringify(one)}: ${JSON.stringify(facts)}`).toBe(false);
  };
  for (let i = 0; i < commands.length; i++) {
    underWay.push(ask(i));
    if (isSpread) await turn();
  }
  underWay.push(...questions.map(question), readWhole(false), readWhole(true));
  // Of a node that is gone nobody hears what it still says, nor that it says no more.
  const all = Promise.all(underWay.map((each) => each.catch((error) => refuseUnless(isDead, error))));
  while (performance.now() < beginMs + pauseMs) await turn();
  let reborn = engine;
  if (victim === 'node') {
    reborn = await test.crash!(() => {
      isDead = true;
    });
  } else await test.strike!(victim);
  await all;
  const wholeChecks = wholes.map(({ events, isBackwards }) => async (): Promise<void> => {
    const there = (await readAll(reborn)).map(plain).slice(0, events.length);
    expect(isBackwards ? events.toReversed() : events).toEqual(there);
    expect(events.length, 'a read misses what was there before').toBeGreaterThanOrEqual(before);
  });
  return { engine: reborn, heard: answers, reads: wholeChecks };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function refuseUnless(isDead: boolean, error: unknown): void {
  if (!isDead || !(error instanceof PlexusError)) throw error;
}

/**
 * An answer without what a second writer says otherwise than the first, which did it and did not live to say so: that an append
 * was there already, and how many snapshots there were to delete.
 */
function told(answer: unknown, times: boolean): unknown {
  const { answer: inner, ...rest } = (comparable(answer, times) ?? {}) as { answer?: object };
  if (inner === undefined) return rest;
  const { duplicate: _duplicate, deleted: _deleted, ...said } = inner as { duplicate?: boolean; deleted?: number };
  return { ...rest, answer: said };
}

/** A node that is gone has done what it was asked for up to some command, all that it has answered among it. */
function* prefixes(length: number, heard: readonly Heard[]): Generator<number[]> {
  const least = heard.findLastIndex((one) => one !== null) + 1;
  for (let count = least; count <= length; count++) yield Array.from({ length: count }, (_, i) => i);
}

/**
 * Which of them a second writer may do after others that the first had done before it died: appends that were refused, and
 * snapshots, which it does again. Appends and deletes that the first did are known by their ids and stay where they are.
 */
async function triedAgain(tale: ModelTale, commands: readonly Command[]): Promise<boolean[]> {
  const answers = await (await tale.again()).do(commands);
  return commands.map((one, i) => {
    if (one.kind === 'write') return one.operation.includes('Snapshot');
    return (answers[i] as { refused?: unknown }).refused !== undefined;
  });
}

/** Orders of what was answered, with and without each that was not; first that in which they were asked for. @param isLoose by command */
function* arrangements(heard: readonly Heard[], isLoose: readonly boolean[]): Generator<number[]> {
  function* from(chosen: readonly number[]): Generator<number[]> {
    for (let i = 0; i < heard.length; i++) {
      const keepsPlace = isLoose[i] || chosen.every((other) => other < i || isLoose[other]);
      if (!chosen.includes(i) && keepsPlace) yield* from([...chosen, i]);
    }
    if (heard.every((one, i) => one === null || chosen.includes(i))) yield [...chosen];
  }
  yield* from([]);
}
