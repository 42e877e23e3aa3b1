import { expect, it } from 'vitest';
import { type AnswerBody, inDirectory, StoreProcess } from './store-process.ts';

const WRITERS = 16;
const ROUNDS = 25;

interface Tried {
  readonly status: number;
  readonly body: AnswerBody;
}

/** Exactly one of the writers has won each round. */
async function oneWinsEachRound(
  node: StoreProcess,
  code: string,
  attempt: (round: number, writer: number) => Promise<Tried>,
): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const tried = await Promise.all(Array.from({ length: WRITERS }, (_, writer) => attempt(round, writer)));
    expect(tried.map(({ status }) => status).sort()).toEqual([201, ...Array(WRITERS - 1).fill(409)]);
    expect(tried.filter(({ body }) => body.error?.code === code)).toHaveLength(WRITERS - 1);
    expect(await node.events()).toHaveLength(round + 1);
  }
}

it(
  'of 16 writers that race on one expected version over HTTP exactly one wins each round',
  () =>
    inDirectory(async (dataDir) => {
      await using node = await StoreProcess.start({ dataDir });
      await oneWinsEachRound(node, 'wrong_expected_version', (round, writer) =>
        node.append('race', { expectedVersion: round - 1, events: [{ type: 'try', data: { writer } }] }),
      );
    }),
  60_000,
);

it(
  'of 16 writers that race on one condition over HTTP exactly one wins each round',
  () =>
    inDirectory(async (dataDir) => {
      await using node = await StoreProcess.start({ dataDir });
      await oneWinsEachRound(node, 'append_condition_failed', (round, writer) =>
        node.ask('POST', '/events', {
          events: [{ stream: `w${writer}`, type: 'seat taken', tags: ['seat-1'] }],
          condition: { failIfEventsMatch: [{ types: ['seat taken'], tags: ['seat-1'] }], after: round - 1 },
        }),
      );
    }),
  60_000,
);
