import { encodeStamp } from '../../cluster/first-message.ts';
import { sampleOf, type Times, timesOf } from '../../cluster/jobs/subscribe.ts';
import { Connection } from '../../generator/connection.ts';
import { MqttWire } from '../../generator/mqtt-wire.ts';
import type { Job } from '../../rows/job.ts';
import { check } from '../fan-out.ts';
import { MeshNodes } from '../nodes.ts';
import { seeded } from '../zipf.ts';

const SEED = 6;
/** Nodes that have a publisher. */
const PUBLISHERS = 10;
const ADVERTISED_MS = 120_000;
/** Ticks of a millisecond between two messages on a topic on whose turn it is not. */
const EVERY = 1000;

const wire = new MqttWire(4, 0, []);

/** Publishes on all topics, each from one of a few nodes: a message a second on each, and one a millisecond on the one whose turn it is. */
class ActivePublishers implements Disposable {
  readonly #connections: readonly Connection[];
  readonly #timer: NodeJS.Timeout;
  #current = 0;
  #tick = 0;

  constructor(connections: readonly Connection[], topics: number) {
    this.#connections = connections;
    this.#timer = setInterval(() => {
      this.#tick = (this.#tick + 1) % EVERY;
      if (this.#tick < topics) this.#publish(this.#tick);
      this.#publish(this.#current);
    }, 1);
  }

  /** Index of the one that publishes on a topic. */
  static of(topic: number): number {
    return topic % PUBLISHERS;
  }

  turnTo(sample: number): void {
    this.#current = sample;
  }

  #publish(topic: number): void {
    const stamp = encodeStamp(topic, performance.now());
    const connection = this.#connections[ActivePublishers.of(topic)]!;
    connection.write(wire.publish(wire.topic(topic), stamp, 0));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }
}

/** Clients subscribe anywhere to topics on which clients of other nodes have published for a while, without anybody there to hear it. */
export const subscribe: Job = async ({ directory, parameters }) => {
  using nodes = await MeshNodes.start({ count: parameters.nodes!, directory });
  const { all } = nodes;
  await check(all[1]!.endpoint, [all.at(-1)!.endpoint]);
  const publishing = Array.from({ length: PUBLISHERS }, (_, index) => all[index % all.length]!);
  const before = await Promise.all(publishing.map(({ view }) => view.mesh()));
  const connections = await Promise.all(
    publishing.map(({ endpoint }, index) => Connection.open(endpoint, wire, `pub${index}`, null)),
  );
  const topics = parameters.samples! + 1;
  using publishers = new ActivePublishers(connections, topics);
  for (const [index, { view }] of publishing.entries()) {
    // Each topic has a key of its own, beside those of its prefixes.
    const expected = before[index]!.advertisements.advertised + Math.floor(topics / PUBLISHERS);
    await view.until('advertisements', ADVERTISED_MS, ({ advertisements }) => advertisements.advertised >= expected);
  }
  const random = seeded(SEED);
  const samples: Times[] = [];
  for (let topic = 1; topic < topics; topic++) {
    const elsewhere = all.filter((node) => node !== publishing[ActivePublishers.of(topic)]);
    const { endpoint } = elsewhere[Math.floor(random() * elsewhere.length)]!;
    samples.push(await sampleOf(topic, endpoint, wire, publishers));
  }
  return timesOf(samples);
};
