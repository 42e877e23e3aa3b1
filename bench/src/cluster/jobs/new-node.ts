import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../peers/processes.ts';
import type { Job } from '../../rows/job.ts';
import { subscribeAll } from '../filters.ts';
import { Members, View, whenFirst } from '../members.ts';
import { Traffic } from '../traffic.ts';

const LIMIT_MS = 30_000;
const WARMUP_MS = 2000;
const QUIET_MS = 3000;

/**
 * A third node joins two, of which one has clients with many filters. The time is from when that one first knows of it until the new one
 * has all filters; the delays are those of traffic between the first two meanwhile, and in a quiet time before.
 */
export const newNode: Job = async ({ directory, parameters }) => {
  const filters = parameters.filters!;
  await using members = await Members.in(directory);
  const own = await members.start('own');
  const other = await members.start('other');
  using view = new View(own);
  using otherView = new View(other);
  const clients = await subscribeAll('127.0.0.1', other.node.mqttPort, 0, filters);
  await view.knows(other, filters);
  using traffic = await Traffic.between(own.node.mqttPort, other.node.mqttPort);
  await sleep(WARMUP_MS);
  const quietFrom = performance.now();
  await sleep(QUIET_MS);
  const quiet = await traffic.delays(quietFrom, performance.now());

  const starting = members.start('new');
  const knownAt = whenFirst(LIMIT_MS, async () => (await otherView.members()).length > 2);
  const [since, added] = await Promise.all([knownAt, starting]);
  using newView = new View(added);
  // One more than clients of the filters have: the traffic's.
  const reachedAt = await whenFirst(LIMIT_MS, async () => (await newView.member(other))?.filters === filters + 1);
  const during = await traffic.delays(since, reachedAt);
  await until('the new node with the traffic', async () => ((await view.members()).length === 3 ? true : null));
  for (const client of clients) client.end(true);
  return {
    reachedMs: reachedAt - since,
    p99Ms: during.p99Ms,
    maxMs: during.maxMs,
    quietP99Ms: quiet.p99Ms,
    quietMaxMs: quiet.maxMs,
  };
};
