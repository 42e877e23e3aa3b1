/** `npm run bench -- --cluster`: several nodes as one broker, and nats-server as a cluster of the same size. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Numbers } from '../rows/job.ts';
import { benchRows } from '../rows/main.ts';
import { runJob } from '../rows/run-job.ts';
import { OWN_NETWORK } from './cable.ts';
import { type ClusterMeasurement, rows } from './rows.ts';

const file = join(import.meta.dirname, 'child.ts');

async function measure(measurement: ClusterMeasurement, measureMs: number): Promise<Numbers> {
  const { job, parameters, ownNetwork = false } = measurement;
  const directory = mkdtempSync(join(tmpdir(), 'plexus-cluster-bench-'));
  try {
    const through = ownNetwork ? OWN_NETWORK : [];
    return await runJob({ file, through }, { job, directory, measureMs, parameters });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @returns the exit code: 1 if Plexus failed at something */
export function clusterBench(args: readonly string[]): Promise<number> {
  return benchRows({ table: 'cluster', rows, measure }, args);
}
