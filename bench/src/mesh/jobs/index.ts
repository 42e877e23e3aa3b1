import { latencyOf, throughputOf } from '../../cluster/jobs/scenario.ts';
import type { Job } from '../../rows/job.ts';
import { meshScenarios, type Scenario } from '../../scenarios.ts';
import { meshPair } from '../pair.ts';
import { first } from './first.ts';
import { gossipFanOut, meshFanOut } from './gossipsub.ts';
import { idealPool, linkPool } from './link-pool.ts';
import { queries } from './queries.ts';
import { subscribe } from './subscribe.ts';

function scenario(name: string): Scenario {
  const found = meshScenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

export const jobs: Readonly<Record<string, Job>> = {
  first,
  later: latencyOf(scenario('mesh-later'), meshPair('tcp')),
  subscribe,
  quic: throughputOf(scenario('mesh-quic'), meshPair('quic')),
  tcp: throughputOf(scenario('mesh-tcp'), meshPair('tcp')),
  fanOut: meshFanOut,
  gossipsub: gossipFanOut,
  pool: linkPool,
  idealPool,
  queries,
};
