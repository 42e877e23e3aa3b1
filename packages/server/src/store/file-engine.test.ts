import { describe, it } from 'vitest';
import { describeEngine } from './engine.conformance.ts';
import { agreesWithModel } from './testing/engine-model.ts';
import { openFileEngine } from './testing/file-engine.ts';
import { deliversToAll } from './testing/subscription-model.ts';

describeEngine('in a file', () => openFileEngine());

describe('writer and reader of a file', () => {
  it('agree with the model', () => agreesWithModel(() => openFileEngine(), true, 60), 120_000);
  it(
    'agree with the model with every index up to date',
    () => agreesWithModel(() => openFileEngine({ tendEvery: 1 }), true, 25),
    60_000,
  );
  it('deliver to every subscription, also after crashes', () => deliversToAll(() => openFileEngine(), 25), 120_000);
});
