import { describe, expect, it } from 'vitest';
import { createNode } from '../create-node.ts';
import { failure } from '../report.ts';
import { runMesh } from './mesh-run.ts';
import { smallMesh } from './mesh-scenario.ts';

/** Each in `npm run sim -- --mesh --small --nodes 14 --seed N` again. */
const SEEDS = 30;
const PER_TEST = 5;
const NODES = 14;
const first = Number(process.env.SIM_SEED ?? 1);

describe('small meshes under churn', () => {
  const starts = Array.from({ length: SEEDS / PER_TEST }, (_, i) => first + i * PER_TEST);
  it.each(starts)('come right in the end in the worlds from seed %d on', { timeout: 240_000 }, async (start) => {
    let [found, kept] = [0, 0];
    for (let seed = start; seed < start + PER_TEST; seed++) {
      const result = await runMesh({ seed, scenario: smallMesh(NODES), plant: 'none', createNode });
      expect(failure(result, 100)).toBe('');
      found += result.owed.found;
      kept += result.owed.kept;
    }
    // Otherwise they were not tried.
    expect(found).toBeGreaterThan(500);
    expect(kept).toBeGreaterThan(200);
  });

  it('are the same again from the same seed', { timeout: 120_000 }, async () => {
    const options = { seed: 2, scenario: { ...smallMesh(12), settleMs: 60_000 }, plant: 'none', createNode } as const;
    const result = await runMesh(options);
    expect(await runMesh(options)).toEqual(result);
    expect((await runMesh({ ...options, seed: 3 })).traceHash).not.toBe(result.traceHash);
  });
});
