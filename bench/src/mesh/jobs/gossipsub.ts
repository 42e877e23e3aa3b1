import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
const INSIDE_TOPIC = 'site/hall/other';
const WITHIN_TOPIC = 'site/hall/same';
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

/** As the other system is measured: whoever publishes and subscribes is in the process of its node. */
async function insideDelays(
  nodes: MeshNodes,
  subscribers: readonly number[],
  topic: string,
  seconds: number,
): Promise<number[]> {
  for (const index of subscribers) await nodes.call(index, 'listen', { topic, bytes: BYTES });
  const publish = (count: number): Promise<void> =>
    nodes.call(PUBLISHER, 'publish', { topic, plan: { count, perSecond: PER_SECOND, bytes: BYTES } });
  const arrivals = (): Promise<Arrived[]> =>
    Promise.all(subscribers.map((index) => nodes.call<Arrived>(index, 'arrivals', {})));
  await until('subscribers', async () => {
    await publish(1);
    await sleep(LINGER_MS);
    return (await arrivals()).every(({ count }) => count === 1) ? true : null;
  });
  const count = seconds * PER_SECOND;
  await publish(count);
  await sleep(LINGER_MS);
  const arrived = await arrivals();
  requireAll(arrived, count);
  return arrived.flatMap(({ delays }) => delays);
}

/**
 * Bytes are counted while clients reach the nodes over another interface than the one that is counted; delays are those of clients in the
 * processes of the nodes, without what such clients take within one node: the other system has none.
 */
export const meshFanOut: Job = async ({ directory, parameters }) => {
  const network = await Apart.beside();
  const apart = { through: network.through, host: APART_HOST };
  using nodes = await MeshNodes.start({ count: NODES, directory, perProcess: PER_PROCESS, apart });
  const endpoints = SUBSCRIBERS.map((index) => nodes.all[index]!.endpoint);
  using system = await FanOut.between(nodes.all[PUBLISHER]!.endpoint, endpoints, { topic: TOPIC, bytes: BYTES });
  const numbers = await measured(system, network, parameters.seconds!);
  const delays = await insideDelays(nodes, SUBSCRIBERS, INSIDE_TOPIC, parameters.seconds!);
  const within = await insideDelays(nodes, [PUBLISHER], WITHIN_TOPIC, parameters.seconds!);
  const insideP50Ms = quantile(delays, 0.5);
  const clientsP50Ms = quantile(within, 0.5);
  return {
    ...numbers,
    p50Ms: insideP50Ms - clientsP50Ms,
    p99Ms: quantile(delays, 0.99),
    insideP50Ms,
    clientsP50Ms,
    outsideP50Ms: numbers.p50Ms!,
    outsideP99Ms: numbers.p99Ms!,
  };
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
