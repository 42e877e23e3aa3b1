import { describe, it } from 'vitest';
import { describeEngine } from './engine.conformance.ts';
import { agreesWithModel } from './testing/engine-model.ts';
import { MemoryEngine } from './testing/memory-engine.ts';

function inMemory(maxLooked: number) {
  let nowMs = 1_790_000_000_000;
  const engine = new MemoryEngine({ wallMs: () => nowMs, maxLooked });
  return {
    engine,
    reopen: null,
    setWallMs: (ms: number) => {
      nowMs = ms;
    },
    close: () => engine.close(),
  };
}

describeEngine('in memory', async () => inMemory(1000));

describe('the model, in pages of two sizes', () => {
  it('agrees with itself', () => agreesWithModel(async () => inMemory(3), true, 100));
});
