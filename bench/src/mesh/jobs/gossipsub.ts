import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint } from '../../generator/connection.ts';
import { until } from '../../peers/processes.ts';
import { type Job, type Numbers, quantile } from '../../rows/job.ts';
import { APART_HOST, Apart } from '../apart.ts';
import { Helper } from '../calls.ts';
import { FanOut } from '../fan-out.ts';
import { MeshNodes } from '../nodes.ts';
import { type Arrived, requireAll, type StampedPlan } from '../stamped.ts';

const NODES = 20;
const PER_PROCESS = 5;
const PUBLISHER = 0;
const SUBSCRIBERS = [3, 7, 10, 14, 17];
const TOPIC = 'site/hall/machine';
const BYTES = 100;
const PER_SECOND = 100;
const CHECKED = 500;
/** Before the first count: what comes with the first messages is over. */
const SETTLE_MS = 5000;
/** How long the last messages may take. */
const LINGER_MS = 1000;

/** One publisher and five subscribers, each on a node of its own, on whatever there is between them. */
interface System {
  /** Resolves when everything has been sent. */
  publish(plan: Omit<StampedPlan, 'bytes'>): Promise<void>;
  /** What came to each subscriber since the last call. */
  arrivals(): readonly Arrived[] | Promise<readonly Arrived[]>;
}

async function measured(system: System, network: Apart, seconds: number): Promise<Numbers> {
  const run = async (count: number): Promise<readonly Arrived[]> => {
    await system.publish({ count, perSecond: PER_SECOND });
    await sleep(LINGER_MS);
    const arrived = await system.arrivals();
    requireAll(arrived, count);
    return arrived;
  };
  await run(CHECKED);
  await sleep(SETTLE_MS);
  const quietBefore = network.bytes();
  await sleep(SETTLE_MS);
  const before = network.bytes();
  const count = seconds * PER_SECOND;
  const delays = (await run(count)).flatMap(({ delays }) => delays);
  return {
    bytesPerMessage: (network.bytes() - before) / count,
    p50Ms: quantile(delays, 0.5),
    p99Ms: quantile(delays, 0.99),
    quietBytesPerSecond: (before - quietBefore) / (SETTLE_MS / 1000),
  };
}

/** What clients take to get a message from one to another through one node. */
async function withinOneNode(endpoint: Endpoint, seconds: number): Promise<number> {
  using pair = await FanOut.between(endpoint, [endpoint], { topic: 'within/one/node', bytes: BYTES });
  const count = seconds * PER_SECOND;
  await pair.publish({ count, perSecond: PER_SECOND });
  await sleep(LINGER_MS);
  const arrived = pair.arrivals();
  requireAll(arrived, count);
  return quantile(
    arrived.flatMap(({ delays }) => delays),
    0.5,
  );
}

/**
 * Clients of the nodes reach them over another interface than the one that is counted. The other system has none: it is called in the nodes' own
 * processes. So what clients take within one node is taken off.
 */
export const meshFanOut: Job = async ({ directory, parameters }) => {
  const network = await Apart.beside();
  const apart = { through: network.through, host: APART_HOST };
  using nodes = await MeshNodes.start({ count: NODES, directory, perProcess: PER_PROCESS, apart });
  const endpoints = SUBSCRIBERS.map((index) => nodes.all[index]!.endpoint);
  const clientsP50Ms = await withinOneNode(nodes.all[PUBLISHER]!.endpoint, parameters.seconds!);
  using system = await FanOut.between(nodes.all[PUBLISHER]!.endpoint, endpoints, { topic: TOPIC, bytes: BYTES });
  const numbers = await measured(system, network, parameters.seconds!);
  const { p50Ms } = numbers;
  return { ...numbers, p50Ms: p50Ms! - clientsP50Ms, clientsP50Ms, withClientsP50Ms: p50Ms! };
};

export const gossipFanOut: Job = async ({ parameters }) => {
  const network = await Apart.beside();
  const place = { file: join(import.meta.dirname, '../gossipsub-host.ts'), through: network.through };
  const hosts = Array.from({ length: NODES / PER_PROCESS }, () => new Helper(place));
  const call = <T>(name: string, index: number, argument: object = {}): Promise<T> =>
    hosts[index % hosts.length]!.call(name, { node: Math.floor(index / hosts.length), ...argument });
  try {
    const addresses: string[] = [];
    for (let index = 0; index < NODES; index++) {
      const address = await call<string>('start', index);
      for (const other of addresses) await call('connect', index, { address: other });
      addresses.push(address);
    }
    for (const index of SUBSCRIBERS) await call('subscribe', index, { topic: TOPIC });
    await until('subscribers', async () => {
      const known = await call<number>('subscribers', PUBLISHER, { topic: TOPIC });
      return known === SUBSCRIBERS.length ? true : null;
    });
    await sleep(SETTLE_MS);
    const system: System = {
      publish: (plan) => call('publish', PUBLISHER, { topic: TOPIC, plan: { ...plan, bytes: BYTES } }),
      arrivals: () => Promise.all(SUBSCRIBERS.map((index) => call<Arrived>('arrivals', index))),
    };
    return await measured(system, network, parameters.seconds!);
  } finally {
    for (const host of hosts) host[Symbol.dispose]();
  }
};
