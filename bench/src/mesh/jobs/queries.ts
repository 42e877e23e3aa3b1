import { setTimeout as sleep } from 'node:timers/promises';
import { readFrames } from '../../generator/closed-loop.ts';
import { Connection } from '../../generator/connection.ts';
import { MqttWire } from '../../generator/mqtt-wire.ts';
import type { Job } from '../../rows/job.ts';
import { check } from '../fan-out.ts';
import { queriesOf } from '../mesh-state.ts';
import { type MeshNode, MeshNodes } from '../nodes.ts';

const PER_PROCESS = 2;
const PER_SECOND = 100;
const LINGER_MS = 2000;
const BYTES = 8;
/** There are two for each topic, and a limit for how many are made per second. */
const ADVERTISED_MS = 600_000;

const wire = new MqttWire(4, 0, []);
const topicOf = (topic: number): string => `line/${String(topic).padStart(4, '0')}`;

/** A node with a client that publishes on all topics in turn, and a client that has subscribed to all of them. */
class Side implements Disposable {
  sent = 0;
  readonly #own: number;
  readonly #publisher: Connection;
  readonly #subscriber: Connection;
  readonly #timer: NodeJS.Timeout;
  /** By topic: the number of the next message of the other side; null: not yet heard of. */
  readonly #next: (number | null)[];
  #received = 0;
  #isWatched = false;

  private constructor(own: number, topics: number, publisher: Connection, subscriber: Connection) {
    this.#own = own;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#next = Array.from({ length: topics }, () => null);
    const shape = wire.deliveryShape(topicOf(0), BYTES);
    const arrived = (buffer: Buffer, offset: number): void => {
      const from = buffer.readUInt32BE(offset + shape.payloadOffset);
      if (from !== own) this.#arrived(buffer.readUInt32BE(offset + shape.payloadOffset + 4));
    };
    readFrames({ connection: subscriber, received: 0 }, shape, arrived, () => {});
    const since = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - since) / 1000) * PER_SECOND;
      while (this.sent < due) this.#publish();
    }, 1000 / PER_SECOND);
  }

  static async open({ endpoint }: MeshNode, own: number, topics: number): Promise<Side> {
    const subscriber = await Connection.open(endpoint, wire, `sub${own}`, null);
    await subscribeToAll(subscriber, topics);
    const publisher = await Connection.open(endpoint, wire, `pub${own}`, null);
    return new Side(own, topics, publisher, subscriber);
  }

  /** From now on each message of the other side has to arrive, once, in order on its topic. */
  watch(): void {
    this.#isWatched = true;
    this.#received = 0;
  }

  /** Of those that are watched. */
  get received(): number {
    return this.#received;
  }

  stopPublishing(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.stopPublishing();
    this.#publisher.close();
    this.#subscriber.close();
  }

  #publish(): void {
    const message = Buffer.alloc(BYTES);
    message.writeUInt32BE(this.#own);
    message.writeUInt32BE(this.sent, 4);
    this.#publisher.write(wire.publish(topicOf(this.sent % this.#next.length), message, 0));
    this.sent++;
  }

  #arrived(number: number): void {
    const topic = number % this.#next.length;
    const expected = this.#next[topic] ?? number;
    if (this.#isWatched && number !== expected) {
      throw new Error(`side ${this.#own}, topic ${topic}: message ${number} instead of ${expected}`);
    }
    this.#next[topic] = number + this.#next.length;
    this.#received++;
  }
}

async function subscribeToAll(connection: Connection, topics: number): Promise<void> {
  const all = Promise.withResolvers<void>();
  let seen = Buffer.alloc(0);
  let answered = 0;
  connection.onBytes((length, buffer) => {
    seen = Buffer.concat([seen, buffer.subarray(0, length)]);
    for (let size = wire.subscribeAnswer(seen); size > 0; size = wire.subscribeAnswer(seen)) {
      seen = seen.subarray(size);
      answered++;
    }
    if (answered === topics) all.resolve();
  });
  for (let topic = 0; topic < topics; topic++) connection.write(wire.subscribe(topicOf(topic)));
  await all.promise;
}

interface Count {
  readonly published: number;
  readonly queries: number;
}

async function countOf(sides: readonly Side[], nodes: readonly MeshNode[]): Promise<Count> {
  const states = await Promise.all(nodes.map(({ view }) => view.mesh()));
  return {
    published: sides.reduce((sum, { sent }) => sum + sent, 0),
    queries: states.reduce((sum, state) => sum + queriesOf(state), 0),
  };
}

/** Two of several nodes publish to each other, on many topics, slowly. Counts what they ask the directory when that has gone on for a while. */
export const queries: Job = async ({ directory, parameters }) => {
  const { topics, warmS, measureS } = parameters as Record<'topics' | 'warmS' | 'measureS', number>;
  using nodes = await MeshNodes.start({ count: parameters.nodes!, directory, perProcess: PER_PROCESS });
  const both = [nodes.all[1]!, nodes.all.at(-1)!];
  await check(both[0]!.endpoint, [both[1]!.endpoint]);
  using here = await Side.open(both[0]!, 0, topics);
  using there = await Side.open(both[1]!, 1, topics);
  const sides = [here, there];
  for (const { view } of both) {
    await view.until('advertisements', ADVERTISED_MS, ({ advertisements: { waiting, advertising, advertised } }) => {
      return waiting + advertising === 0 && advertised >= topics;
    });
  }
  await sleep(warmS * 1000);
  const before = await countOf(sides, both);
  for (const side of sides) side.watch();
  await sleep(measureS * 1000);
  const after = await countOf(sides, both);
  for (const side of sides) side.stopPublishing();
  await sleep(LINGER_MS);
  const published = after.published - before.published;
  const received = sides.reduce((sum, side) => sum + side.received, 0);
  if (received < published) throw new Error(`${published - received} of ${published} messages never arrived`);
  return {
    queriesPerPublish: (after.queries - before.queries) / published,
    queriesBefore: before.queries,
    publishedBefore: before.published,
    published,
  };
};
