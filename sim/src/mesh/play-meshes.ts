import { createNode } from '../create-node.ts';
import type { MeshOptions } from '../options.ts';
import { failure } from '../report.ts';
import { meshSummary, table } from './mesh-report.ts';
import { type MeshRunResult, runMesh } from './mesh-run.ts';
import { largeMesh, smallMesh } from './mesh-scenario.ts';

/** One world for each size and seed, and a table of all of them. @returns 1 when an invariant broke */
export async function playMeshes(
  { sizes, minutes, plant, small }: MeshOptions,
  seed: number,
  seeds: number,
  traceLines: number,
  write: (text: string) => void,
): Promise<number> {
  const results: MeshRunResult[] = [];
  for (const size of sizes) {
    const scenario = small ? smallMesh(size) : largeMesh(size, minutes);
    for (let each = seed; each < seed + seeds; each++) {
      const onMinute = (ms: number): void => write(`${size} nodes, ${(ms / 1000).toFixed()} s virtual\n`);
      const result = await runMesh({ seed: each, scenario, plant, createNode, ...(!small && { onMinute }) });
      write(`${meshSummary(result)}\n${failure(result, traceLines)}`);
      results.push(result);
    }
  }
  write(`\n${table(results)}`);
  return results.some(({ violations }) => violations.length > 0) ? 1 : 0;
}
