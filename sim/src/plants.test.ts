import { describe, expect, it } from 'vitest';
import { createNode } from './create-node.ts';
import type { PlantName } from './plants.ts';
import { run } from './run.ts';
import { FIVE_NODES } from './scenario.ts';

const MOST_SEEDS = 20;

/** What the worlds of some seeds break, until one does. */
async function found(plant: PlantName, faultKinds: readonly string[]): Promise<string[]> {
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const { violations } = await run({ seed, scenario: FIVE_NODES, plant, faultKinds, createNode });
    if (violations.length > 0) return [...new Set(violations.map(({ invariant }) => invariant))];
  }
  return [];
}

describe('a bug put into the real parts on purpose', () => {
  it.each<[PlantName, readonly string[], readonly string[]]>([
    ['skip-delta', ['clock'], ['interest travels']],
    ['forget-purge', ['kill'], ['purged before told']],
    ['answer-early', ['partition', 'block'], ['nothing lost', 'shared subscriptions']],
    ['swap-frames', ['clock'], ['order']],
    ['same-incarnation', ['kill'], ['a restart is a leave and a join']],
  ])('is found: %s', { timeout: 60_000 }, async (plant, faultKinds, invariants) => {
    expect((await found(plant, faultKinds)).filter((name) => invariants.includes(name))).not.toEqual([]);
  });

  it('and the same world is the same again', async () => {
    const options = { seed: 3, scenario: { ...FIVE_NODES, busyMs: 10_000 }, plant: 'none', createNode } as const;
    expect(await run(options)).toEqual(await run(options));
  });
});
