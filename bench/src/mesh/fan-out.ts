import { setTimeout as sleep } from 'node:timers/promises';
import { readFrames } from '../generator/closed-loop.ts';
import { Connection, type Endpoint } from '../generator/connection.ts';
import { MqttWire } from '../generator/mqtt-wire.ts';
import { Arrivals, type Arrived, requireAll, type StampedPlan, sendStamped, stampedMessage } from './stamped.ts';

const FOUND_MS = 30_000;
/** So often is tried whether somebody is found. */
const TRY_MS = 20;
/** How long a message may take at the most. */
const LINGER_MS = 1000;
const wire = new MqttWire(4, 0, []);

export interface FanOutPlan {
  readonly topic: string;
  /** What is subscribed to. Default: the topic */
  readonly filter?: string;
  readonly bytes: number;
}

/** A client that publishes on one node, and clients that subscribe on others. */
export class FanOut implements Disposable {
  readonly #plan: FanOutPlan;
  readonly #publisher: Connection;
  readonly #subscribers: readonly Connection[];
  readonly #arrivals: readonly Arrivals[];

  private constructor(plan: FanOutPlan, publisher: Connection, subscribers: readonly Connection[]) {
    this.#plan = plan;
    this.#publisher = publisher;
    this.#subscribers = subscribers;
    this.#arrivals = subscribers.map(() => new Arrivals(true));
    const shape = wire.deliveryShape(plan.topic, plan.bytes);
    for (const [index, connection] of subscribers.entries()) {
      const arrived = (buffer: Buffer, offset: number): void => {
        this.#arrivals[index]!.add(buffer.subarray(offset + shape.payloadOffset, offset + shape.size));
      };
      readFrames({ connection, received: 0 }, shape, arrived, () => {});
    }
  }

  /** Resolves when what is published arrives at all subscribers. */
  static async between(from: Endpoint, to: readonly Endpoint[], plan: FanOutPlan): Promise<FanOut> {
    const filter = plan.filter ?? plan.topic;
    const subscribers = await Promise.all(to.map((at, index) => Connection.open(at, wire, `fan-in${index}`, filter)));
    const publisher = await Connection.open(from, wire, 'fan-out', null);
    const all = new FanOut(plan, publisher, subscribers);
    await all.#found();
    return all;
  }

  publish(plan: Omit<StampedPlan, 'bytes'>): Promise<void> {
    return sendStamped({ ...plan, bytes: this.#plan.bytes }, (message) => this.#send(message));
  }

  /** What came to each subscriber since the last call. */
  arrivals(): readonly Arrived[] {
    return this.#arrivals.map((arrivals) => arrivals.take());
  }

  [Symbol.dispose](): void {
    for (const connection of [this.#publisher, ...this.#subscribers]) connection.close();
  }

  /** What is sent until then is none of what is counted. */
  async #found(): Promise<void> {
    const deadline = performance.now() + FOUND_MS;
    while (this.#arrivals.some(({ count }) => count === 0)) {
      if (performance.now() > deadline) throw new Error(`not all subscribers were found within ${FOUND_MS / 1000} s`);
      this.#send(stampedMessage(0, this.#plan.bytes));
      await sleep(TRY_MS);
    }
    await sleep(LINGER_MS);
    this.arrivals();
  }

  #send(message: Buffer): void {
    this.#publisher.write(wire.publish(this.#plan.topic, message, 0));
  }
}

const CHECKED = 500;
const PER_SECOND = 1000;

/** Numbered messages from a client of one node to clients of others: each gets each once, in order. */
export async function check(from: Endpoint, to: readonly Endpoint[]): Promise<void> {
  using all = await FanOut.between(from, to, { topic: 'checked/topic', bytes: 100 });
  await all.publish({ count: CHECKED, perSecond: PER_SECOND });
  await sleep(LINGER_MS);
  requireAll(all.arrivals(), CHECKED);
}
