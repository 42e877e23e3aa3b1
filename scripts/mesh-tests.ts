/**
 * The long tests of the mesh. First: fifty nodes in several processes, in two realms, some of them in clusters, with clients that subscribe and
 * publish at random while nodes are killed and come back; what everybody got is compared with what was acknowledged. Then: nodes behind
 * routers, for as long as relays usually allow. What is wrong is printed, and ends the run with 1.
 *
 *     npm run test:mesh -- [--minutes 5] [--nodes 50] [--seed N]
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MeshRun } from '../packages/server/test/mesh/mesh-load.ts';
import { anySeed, randomFrom } from '../packages/server/test/store/random.ts';
import { repositoryRoot } from './repository.ts';

const MINUTE_MS = 60_000;
const MAX_SHOWN = 50;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '50' },
    seed: { type: 'string' },
  },
});
const seed = Number(values.seed ?? anySeed());
const nodes = Number(values.nodes);
const tell = (line: string): void => void process.stdout.write(`  ${line}\n`);

process.stdout.write(`${nodes} nodes, seed ${seed}\n`);
let faults: readonly string[];
{
  const run = new MeshRun({ nodes, ms: Number(values.minutes) * MINUTE_MS, random: randomFrom(seed), tell });
  await using _ = run.world;
  faults = await run.run();
  const { required, excused } = run.ledger;
  tell(`${run.acknowledged} acknowledged, ${run.refused} refused, ${run.kills} kills`);
  tell(`${required} deliveries looked at, ${excused} excused, ${faults.length} faults`);
  for (const fault of faults.slice(0, MAX_SHOWN)) process.stderr.write(`  ${fault}\n`);
}
if (faults.length > 0) process.stderr.write(`again: npm run test:mesh -- --seed ${seed} --nodes ${nodes}\n`);

process.stdout.write('nodes behind routers\n');
const vitest = join(repositoryRoot, 'node_modules', '.bin', 'vitest');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'packages/server/test/mesh/nat.test.ts'], {
  cwd: repositoryRoot,
  stdio: 'inherit',
  env: { ...process.env, PLEXUS_LONG_TESTS: 'true' },
});
process.exitCode = faults.length === 0 && status === 0 ? 0 : 1;
