import { freePort } from '../../peers/processes.ts';
import type { Job } from '../../rows/job.ts';
import { subscribeAll } from '../filters.ts';
import { Inspector, inspectable } from '../inspector.ts';
import { Members, View } from '../members.ts';

/** There before the first look, so that one-time costs are not counted. */
const BASELINE_FILTERS = 2000;

/** What a node's memory grows by when clients of another have so many filters. */
export const remoteFilters: Job = async ({ directory, parameters }) => {
  const filters = parameters.filters!;
  const port = await freePort();
  await using members = await Members.in(directory);
  const own = await members.start('own', { env: inspectable(port) });
  const other = await members.start('other');
  using view = new View(own);
  using inspector = await Inspector.at(port);
  const first = await subscribeAll('127.0.0.1', other.node.mqttPort, 0, BASELINE_FILTERS);
  await view.knows(other, BASELINE_FILTERS);
  const before = await inspector.memory();
  const more = await subscribeAll('127.0.0.1', other.node.mqttPort, BASELINE_FILTERS, filters);
  await view.knows(other, BASELINE_FILTERS + filters);
  const after = await inspector.memory();
  for (const client of [...first, ...more]) client.end(true);
  const residentMB = after.residentMB - before.residentMB;
  const usedMB = after.usedMB - before.usedMB;
  // Pages that the heap had to spare hide what lives in them; pages that it keeps to spare are not what lives.
  return { mostMB: Math.max(residentMB, usedMB), residentMB, usedMB };
};
