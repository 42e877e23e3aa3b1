import { describe, it } from 'vitest';
import { MemoryEngine } from './testing/memory-engine.ts';
import { deliversToAll } from './testing/subscription-model.ts';

describe('subscriptions of a store in memory', () => {
  it(
    'deliver what the model says',
    () =>
      deliversToAll(async () => {
        const engine = new MemoryEngine({ wallMs: () => 1_790_000_000_000, maxLooked: 7 });
        return { engine, reopen: null, setWallMs: null, close: () => engine.close() };
      }, 200),
    120_000,
  );
});
