import { describe, it } from 'vitest';
import { describeEngine } from '../engine.conformance.ts';
import { agreesWithModel } from '../testing/engine-model.ts';
import { openFileEngine } from './testing/file-engine.ts';

describeEngine('a reader beside a writer', async () => openFileEngine());

describe('a reader', () => {
  it('agrees with the model', () => agreesWithModel(async () => openFileEngine(), true, 100), 60_000);
});
