/** `npm run bench -- --mesh`: nodes that find each other through the directory, and gossipsub between as many nodes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OWN_NETWORK } from '../cluster/cable.ts';
import type { Numbers } from '../rows/job.ts';
import { benchRows } from '../rows/main.ts';
import { runJob } from '../rows/run-job.ts';
import { type MeshMeasurement, rows } from './rows.ts';

const file = join(import.meta.dirname, 'child.ts');

async function measure(measurement: MeshMeasurement, measureMs: number): Promise<Numbers> {
  const { job, parameters, ownNetwork = false } = measurement;
  const directory = mkdtempSync(join(tmpdir(), 'plexus-mesh-bench-'));
  try {
    const through = ownNetwork ? OWN_NETWORK : [];
    return await runJob({ file, through }, { job, directory, measureMs, parameters });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @returns the exit code: 1 if Plexus failed at something */
export function meshBench(args: readonly string[]): Promise<number> {
  return benchRows({ table: 'mesh', rows, measure }, args);
}
