import { afterAll, describe, it } from 'vitest';
import { ThreadPool } from '../../src/lib/sqlite/thread-pool.ts';
import { describeEngine } from '../../src/store/engine.conformance.ts';
import { agreesWithModel } from '../../src/store/testing/engine-model.ts';
import { deliversToAll } from '../../src/store/testing/subscription-model.ts';
import { threadEngines } from './thread-engine.ts';

const pool = new ThreadPool(3);
const open = threadEngines(pool);
afterAll(() => pool.close());

describeEngine('in threads', open);

describe('an engine in threads', () => {
  it('agrees with the model, whichever of its workers die', () => agreesWithModel(open, false, 15), 180_000);
  it('delivers to every subscription, whichever of its workers die', () => deliversToAll(open, 10), 180_000);
});
