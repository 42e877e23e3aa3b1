import { setTimeout as sleep } from 'node:timers/promises';
import { readFrames } from '../../generator/closed-loop.ts';
import { Connection } from '../../generator/connection.ts';
import { MqttWire } from '../../generator/mqtt-wire.ts';
import { type Job, type JobRequest, quantile } from '../../rows/job.ts';
import { check } from '../fan-out.ts';
import { type MeshNode, MeshNodes } from '../nodes.ts';
import { Arrivals, requireAll, stampedMessage } from '../stamped.ts';
import { seeded } from '../zipf.ts';

const SEED = 6;
const BYTES = 100;
/** In one write: the first begins the search, the others wait behind it. */
const MESSAGES = 5;
const LIMIT_MS = 10_000;
const ADVERTISED_MS = 120_000;
/** For what comes too often. */
const EXTRA_WAIT_MS = 50;

const wire = new MqttWire(4, 0, []);
/** Nothing of it has been published on, or looked for, before. */
const topicOf = (sample: number): string => `new-${String(sample).padStart(4, '0')}/value`;

interface Sample {
  readonly from: MeshNode;
  readonly to: MeshNode;
  readonly topic: string;
}

function samplesOf(nodes: readonly MeshNode[], count: number): Sample[] {
  const random = seeded(SEED);
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor(random() * nodes.length);
    const to = (from + 1 + Math.floor(random() * (nodes.length - 1))) % nodes.length;
    return { from: nodes[from]!, to: nodes[to]!, topic: topicOf(index) };
  });
}

/** All wait on nodes all over the mesh before the first publish. */
async function subscribeAll(nodes: readonly MeshNode[], samples: readonly Sample[]): Promise<readonly Connection[]> {
  const before = await Promise.all(nodes.map(({ view }) => view.mesh()));
  const subscribers: Connection[] = [];
  for (const { to, topic } of samples) {
    subscribers.push(await Connection.open(to.endpoint, wire, `sub-${topic}`, topic));
  }
  for (const [index, node] of nodes.entries()) {
    const expected = before[index]!.advertisements.advertised + samples.filter(({ to }) => to === node).length;
    await node.view.until(
      'advertisements',
      ADVERTISED_MS,
      ({ advertisements }) => advertisements.advertised >= expected,
    );
  }
  return subscribers;
}

/** @returns from just before the write until the first message was read, in ms */
async function firstOf({ from, topic }: Sample, subscriber: Connection): Promise<number> {
  const publisher = await Connection.open(from.endpoint, wire, `pub-${topic}`, null);
  const arrivals = new Arrivals(true);
  const all = Promise.withResolvers<void>();
  const shape = wire.deliveryShape(topic, BYTES);
  const arrived = (buffer: Buffer, offset: number): void => {
    arrivals.add(buffer.subarray(offset + shape.payloadOffset, offset + shape.size));
    if (arrivals.count === MESSAGES) all.resolve();
  };
  readFrames({ connection: subscriber, received: 0 }, shape, arrived, () => {});
  const late = setTimeout(() => all.resolve(), LIMIT_MS);
  const messages = Array.from({ length: MESSAGES }, (_, number) => stampedMessage(number, BYTES));
  publisher.write(Buffer.concat(messages.map((message) => wire.publish(topic, message, 0))));
  await all.promise;
  clearTimeout(late);
  await sleep(EXTRA_WAIT_MS);
  publisher.close();
  subscriber.close();
  const taken = arrivals.take();
  requireAll([taken], MESSAGES);
  return taken.delays[0]!;
}

/** @returns of all samples, in their order */
export async function firstDelays({ directory, parameters }: JobRequest): Promise<number[]> {
  using nodes = await MeshNodes.start({ count: parameters.nodes!, directory });
  await check(nodes.all[1]!.endpoint, [nodes.all.at(-1)!.endpoint]);
  const samples = samplesOf(nodes.all, parameters.samples!);
  const subscribers = await subscribeAll(nodes.all, samples);
  const delays: number[] = [];
  for (const [index, sample] of samples.entries()) delays.push(await firstOf(sample, subscribers[index]!));
  return delays;
}

/** Clients publish on topics that are new to their nodes; somewhere else a client has subscribed to each before. */
export const first: Job = async (request) => {
  const delays = await firstDelays(request);
  return { p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99), maxMs: Math.max(...delays) };
};
