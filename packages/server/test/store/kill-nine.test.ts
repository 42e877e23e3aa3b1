import { expect, it } from 'vitest';
import { crashRounds } from './crash-rounds.ts';
import { anySeed, randomFrom } from './random.ts';
import { inDirectory } from './store-process.ts';

const ROUNDS = 3;

it('a node that is killed under load has kept every acknowledged event, once, and every subscription goes on', async () => {
  const seed = anySeed();
  const faults = await inDirectory((dataDir) => crashRounds({ dataDir, rounds: ROUNDS, random: randomFrom(seed) }));
  expect(faults, `FC_SEED=${seed}`).toEqual([]);
}, 120_000);
