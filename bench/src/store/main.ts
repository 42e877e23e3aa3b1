/** `npm run bench -- --store`: the event store, its bars, and other stores side by side. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plexus } from '../peers/plexus.ts';
import type { JobRequest, Numbers } from '../rows/job.ts';
import { benchRows, progress } from '../rows/main.ts';
import { runJob } from '../rows/run-job.ts';
import { installPeers } from './peer-modules.ts';
import { Places } from './places.ts';
import { rows, type StoreMeasurement } from './rows.ts';

const root = join(import.meta.dirname, '../../..');
/** Of the `plexus` command, for stores in process too. */
const nodeFlags = (
  /^exec "\$node" (?<flags>--.*) "\$root/mu.exec(readFileSync(join(root, 'plexus'), 'utf8'))?.groups?.flags ?? ''
).split(' ');
const OTHER_STORES = ['jetStream', 'postgres'];

const run = (request: JobRequest): Promise<Numbers> =>
  runJob({ file: join(import.meta.dirname, 'child.ts'), nodeFlags }, request);

async function measure(measurement: StoreMeasurement, places: Places, measureMs: number): Promise<Numbers> {
  const { job, place, parameters, overHttp = false } = measurement;
  const { directory, leave } = await places.enter(place);
  try {
    if (!overHttp) return await run({ job, directory, measureMs, parameters });
    const node = await plexus.start(directory, { tuning: 'throughput', transport: 'websocket', nodes: 1 });
    try {
      return await run({ job, directory, measureMs, parameters: { ...parameters, port: node.port } });
    } finally {
      await node.stop();
    }
  } finally {
    leave();
  }
}

/** @returns the exit code: 1 if Plexus failed at something */
export async function storeBench(args: readonly string[]): Promise<number> {
  using places = new Places(async (directory, events) => {
    progress(`filling a store with ${events} events`);
    const numbers = await run({ job: 'fill', directory, measureMs: 0, parameters: { events } });
    progress(`filled: ${JSON.stringify(numbers)}`);
  });
  const bench = {
    table: 'store',
    rows,
    prepare: (wanted: typeof rows) => {
      if (wanted.some(({ other }) => other !== undefined && OTHER_STORES.includes(other[1].job))) installPeers();
    },
    measure: (measurement: StoreMeasurement, measureMs: number) => measure(measurement, places, measureMs),
  } as const;
  return await benchRows(bench, args);
}
