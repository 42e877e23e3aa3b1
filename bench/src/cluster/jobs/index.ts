import { natsServer } from '../../peers/nats-server.ts';
import type { Peer } from '../../peers/peer.ts';
import { plexus } from '../../peers/plexus.ts';
import type { Job } from '../../rows/job.ts';
import { clusterScenarios, type Scenario } from '../../scenarios.ts';
import { cut, killed } from './failure.ts';
import { newNode } from './new-node.ts';
import { remoteFilters } from './remote-filters.ts';
import { latencyOf, throughputOf } from './scenario.ts';
import { storeElsewhere, storeHere } from './store-append.ts';
import { firstMessageOf } from './subscribe.ts';

function scenario(name: string): Scenario {
  const found = clusterScenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

/** By the name of the system too. */
const of = (peer: Peer): Record<string, Job> => ({
  [`oneToOne ${peer.name}`]: throughputOf(scenario('cluster-1-1'), peer),
  [`oneToFifty ${peer.name}`]: throughputOf(scenario('cluster-1-50'), peer),
  [`hop ${peer.name}`]: latencyOf(scenario('cluster-hop'), peer),
  [`firstMessage ${peer.name}`]: firstMessageOf(peer),
});

export const jobs: Readonly<Record<string, Job>> = {
  ...of(plexus),
  ...of(natsServer),
  qos1: throughputOf(scenario('cluster-qos1'), plexus),
  killed,
  cut,
  remoteFilters,
  newNode,
  storeHere,
  storeElsewhere,
};
