import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Peer } from '../../peers/peer.ts';
import { plexus } from '../../peers/plexus.ts';
import { alone, track } from '../../peers/processes.ts';
import type { RunResult } from '../../plan.ts';
import { type Job, median } from '../../rows/job.ts';
import { runOnce } from '../../runs.ts';
import { scenarios } from '../../scenarios.ts';

/** Rows of the broker's table that say most about it. */
const ROWS = ['qos0-1-1', 'qos0-1-50', 'qos0-4-4', 'qos1-1-1', 'v5-1-50'];
/** Samples of each, with and without, in turn: single ones differ by a third, and the least of five ratios is looked at. */
const SAMPLES = 3;

/** Plexus, appending to its store all the while; `rates` gets the appends per second that were answered. */
function loaded(ratePerSecond: number, rates: number[]): Peer {
  return {
    ...plexus,
    async start(directory) {
      const file = join(import.meta.dirname, '../loaded-node.ts');
      const child = track(
        fork(file, [directory, `${ratePerSecond}`], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
      );
      const ended = once(child, 'exit').then(() => Promise.reject(new Error('the node ended at its start')));
      const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
      child.once('message', (message) => rates.push((message as { appendsPerSecond: number }).appendsPerSecond));
      return alone(port, child);
    },
  };
}

const perSecond = (result: RunResult): number => {
  if (result.mode !== 'flow') throw new Error(`a ${result.mode} run has no throughput`);
  return result.deliveriesPerSecond;
};

/** What is left of each row's throughput while the store takes appends: of medians. */
export const brokerUnderAppends: Job = async ({ measureMs, parameters }) => {
  const timing = { warmupMs: 1000, measureMs: Math.min(measureMs, 2500) };
  const rates: number[] = [];
  const left: Record<string, number> = {};
  for (const name of ROWS) {
    const { tuning, plans } = scenarios.find((scenario) => scenario.name === name)!;
    const alone: number[] = [];
    const busy: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      alone.push(perSecond(await runOnce(plexus, tuning, plans[0]!, timing)));
      busy.push(perSecond(await runOnce(loaded(parameters.ratePerSecond!, rates), tuning, plans[0]!, timing)));
    }
    left[name] = median(busy) / median(alone);
  }
  return { ...left, least: Math.min(...Object.values(left)), appendsPerSecond: Math.min(...rates) };
};
