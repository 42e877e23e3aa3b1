import { natsServer } from '../peers/nats-server.ts';
import type { Peer } from '../peers/peer.ts';
import { plexus } from '../peers/plexus.ts';
import { answerJobs } from '../rows/answer-jobs.ts';
import { clusterScenarios, type Scenario } from '../scenarios.ts';
import { cut, killed } from './jobs/failure.ts';
import { newNode } from './jobs/new-node.ts';
import { remoteFilters } from './jobs/remote-filters.ts';
import { latencyOf, throughputOf } from './jobs/scenario.ts';
import { storeElsewhere, storeHere } from './jobs/store-append.ts';
import { firstMessageOf } from './jobs/subscribe.ts';

function scenario(name: string): Scenario {
  const found = clusterScenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

/** Of each system, by its name. */
const both = (peer: Peer) => ({
  [`oneToOne ${peer.name}`]: throughputOf(scenario('cluster-1-1'), peer),
  [`oneToFifty ${peer.name}`]: throughputOf(scenario('cluster-1-50'), peer),
  [`hop ${peer.name}`]: latencyOf(scenario('cluster-hop'), peer),
  [`firstMessage ${peer.name}`]: firstMessageOf(peer),
});

answerJobs({
  ...both(plexus),
  ...both(natsServer),
  qos1: throughputOf(scenario('cluster-qos1'), plexus),
  killed,
  cut,
  remoteFilters,
  newNode,
  storeHere,
  storeElsewhere,
});
