import { describe, expect, it } from 'vitest';
import { createNode } from './create-node.ts';
import { failure } from './report.ts';
import { run } from './run.ts';
import { FIVE_NODES } from './scenario.ts';

/** Each in `npm run sim -- --seed N --minutes 0.25` again. */
const SEEDS = 200;
const PER_TEST = 20;
const SCENARIO = { ...FIVE_NODES, busyMs: 15_000 };
const first = Number(process.env.SIM_SEED ?? 1);

describe('five nodes under faults', () => {
  const starts = Array.from({ length: SEEDS / PER_TEST }, (_, i) => first + i * PER_TEST);
  it.each(starts)('keep every invariant in the worlds from seed %d on', { timeout: 120_000 }, async (start) => {
    let troubled = 0;
    for (let seed = start; seed < start + PER_TEST; seed++) {
      const result = await run({ seed, scenario: SCENARIO, plant: 'none', createNode });
      expect(failure(result, 100)).toBe('');
      troubled += result.promises.troubled;
    }
    // Otherwise they were not tried.
    expect(troubled).toBeGreaterThan(100);
  });
});
