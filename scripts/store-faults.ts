/**
 * Kills a node under append load again and again (kill -9), and looks each time at what it has kept: no acknowledged event
 * missing, no gap, no duplicate, every subscription goes on at or before the first event that was not acknowledged, and has
 * acknowledged all of them in the end. What is wrong is printed, and ends the run with 1.
 *
 *     npm run store-faults -- [--rounds 50] [--seed N] [--data-dir DIR]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crashRounds } from '../packages/server/test/store/crash-rounds.ts';
import { anySeed, randomFrom } from '../packages/server/test/store/random.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string' },
    'data-dir': { type: 'string' },
  },
});
const seed = Number(values.seed ?? anySeed());
const rounds = Number(values.rounds);
const dataDir = values['data-dir'] ?? mkdtempSync(join(tmpdir(), 'plexus-store-faults-'));
process.stdout.write(`seed ${seed}\n`);
const faults = await crashRounds({
  dataDir,
  rounds,
  random: randomFrom(seed),
  onRound: (round, events, acknowledged) =>
    process.stdout.write(`round ${round} of ${rounds}: ${events} events kept, ${acknowledged} appends acknowledged\n`),
});
for (const fault of faults) process.stderr.write(`${fault}\n`);
if (faults.length > 0) {
  process.stderr.write(`the data is in ${dataDir}\n`);
  process.exitCode = 1;
} else if (values['data-dir'] === undefined) rmSync(dataDir, { recursive: true, force: true });
