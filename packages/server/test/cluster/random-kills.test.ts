import { expect, it } from 'vitest';
import { anySeed, randomFrom } from '../store/random.ts';
import { FaultWorld } from './fault-world.ts';
import { randomKills } from './scenarios.ts';

it('five nodes of which some die at random lose nothing that was acknowledged', async () => {
  const seed = anySeed();
  const random = randomFrom(seed);
  await using world = await FaultWorld.start({ nodes: 5, publishersPerNode: 1, random });
  expect(await randomKills({ world, random, kills: 1 }), `FC_SEED=${seed}`).toEqual([]);
}, 90_000);
