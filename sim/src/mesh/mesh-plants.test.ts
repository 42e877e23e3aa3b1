import { describe, expect, it } from 'vitest';
import { createNode } from '../create-node.ts';
import type { MeshPlantName } from './mesh-plants.ts';
import { runMesh } from './mesh-run.ts';
import { smallMesh } from './mesh-scenario.ts';

const MOST_SEEDS = 8;

/** What the worlds of some seeds break, until one does. */
async function found(plant: MeshPlantName): Promise<string[]> {
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const { violations } = await runMesh({ seed, scenario: smallMesh(14), plant, createNode });
    if (violations.length > 0) return [...new Set(violations.map(({ invariant }) => invariant))];
  }
  return [];
}

describe('a bug put into a mesh on purpose', () => {
  it.each<[MeshPlantName, readonly string[]]>([
    ['provide-once', ['everybody is found']],
    ['find-one', ['everybody is found']],
    ['swap-frames', ['order']],
  ])('is found: %s', { timeout: 120_000 }, async (plant, invariants) => {
    expect((await found(plant)).filter((name) => invariants.includes(name))).not.toEqual([]);
  });
});
