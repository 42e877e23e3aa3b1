import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from './fault-kinds.ts';
import type { PlantName } from './plants.ts';
import { failure } from './report.ts';
import { type RunResult, run } from './run.ts';
import { FIVE_NODES } from './scenario.ts';
import { ToyNode } from './testing/toy-node.ts';

const SCENARIO = { ...FIVE_NODES, busyMs: 12_000 };

function play(
  seed: number,
  plant: PlantName = 'none',
  faultKinds: readonly string[] | null = null,
): Promise<RunResult> {
  return run({ seed, scenario: SCENARIO, plant, faultKinds, createNode: (parts) => new ToyNode(parts) });
}

/** What the worlds of some seeds break, until one does. */
async function found(plant: PlantName, faultKinds: readonly string[]): Promise<string[]> {
  for (let seed = 1; seed <= 20; seed++) {
    const { violations } = await play(seed, plant, faultKinds);
    if (violations.length > 0) return [...new Set(violations.map(({ invariant }) => invariant))];
  }
  return [];
}

describe('the simulation itself, with the simplest nodes', { timeout: 120_000 }, () => {
  it('plays the same again from the same seed, and something else from another', async () => {
    const [first, again, other] = [await play(7), await play(7), await play(8)];
    expect(again).toEqual(first);
    expect(other.traceHash).not.toBe(first.traceHash);
  });

  it.each(Object.keys(FAULT_KINDS))('finds nothing wrong with correct nodes under faults of kind %s', async (kind) => {
    const result = await play(1, 'none', [kind]);
    expect(failure(result, 60)).toBe('');
    expect(result.faults).toBeGreaterThan(0);
    expect(result.receipts).toBeGreaterThan(result.messages);
  });

  it.each<[PlantName, readonly string[], string]>([
    ['forget-purge', ['kill'], 'purged before told'],
    ['answer-early', ['partition', 'block'], 'nothing lost'],
    ['same-incarnation', ['kill'], 'a restart is a leave and a join'],
  ])('finds the planted bug %s', async (plant, faultKinds, invariant) => {
    expect(await found(plant, faultKinds)).toContain(invariant);
  });

  it('shows what broke, and what happened before', async () => {
    const result = await play(1, 'same-incarnation', ['kill']);
    const text = failure(result, 20);
    expect(text).toMatch(/^seed 1 broke:\n/);
    expect(text).toContain('an earlier life had the same incarnation');
    expect(text.split('\n').length).toBeGreaterThan(20);
  });
});
