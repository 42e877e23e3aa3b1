/** `npm run sim`: clusters and meshes in virtual time, with everything going wrong. Exits 1 when an invariant broke. */
import { converge } from './converge.ts';
import { createNode } from './create-node.ts';
import { measureDirectory } from './mesh/measure-directory.ts';
import { playMeshes } from './mesh/play-meshes.ts';
import { HELP, readOptions } from './options.ts';
import { failure, summary } from './report.ts';
import { run } from './run.ts';

async function main(): Promise<number> {
  const { seed, seeds, scenario, faultKinds, plant, traceLines, mesh, ...asked } = readOptions(process.argv.slice(2));
  if (asked.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (asked.converge) {
    const result = await converge(seed, scenario.nodes, createNode);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return result.convergedMs === null ? 1 : 0;
  }
  if (asked.measureDirectory) {
    await measureDirectory(scenario.nodes, seed, (text) => process.stdout.write(text));
    return 0;
  }
  if (mesh !== null) return playMeshes(mesh, seed, seeds, traceLines, (text) => process.stdout.write(text));
  let failed = 0;
  for (let each = seed; each < seed + seeds; each++) {
    const result = await run({ seed: each, scenario, plant, createNode, faultKinds });
    process.stdout.write(`${summary(result)}\n${failure(result, traceLines)}`);
    if (result.violations.length > 0) failed++;
  }
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
