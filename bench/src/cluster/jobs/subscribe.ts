import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type Endpoint } from '../../generator/connection.ts';
import { createWire, type Wire } from '../../generator/wire.ts';
import type { Peer } from '../../peers/peer.ts';
import { type Job, type Numbers, quantile } from '../../rows/job.ts';
import { encodeStamp, FirstMessage } from '../first-message.ts';

/** Messages go out on a topic for so long before anybody wants it. */
const BEFORE_MS = 15;
const LIMIT_MS = 10_000;
/** Compilers on both sides get so much of the samples to warm up. */
const WARM_SHARE = 0.1;

/** Publishes a message every millisecond, on one topic at a time. */
class SteadyPublisher implements Disposable {
  readonly #connection: Connection;
  readonly #timer: NodeJS.Timeout;
  #sample = 0;

  constructor(connection: Connection, wire: Wire) {
    this.#connection = connection;
    this.#timer = setInterval(() => {
      const stamp = encodeStamp(this.#sample, performance.now());
      connection.write(wire.publish(wire.topic(this.#sample), stamp, 0));
    }, 1);
  }

  turnTo(sample: number): void {
    this.#sample = sample;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#connection.close();
  }
}

/** Somebody who publishes stamps on one topic at a time. */
interface Turnable {
  turnTo(sample: number): void;
}

export interface Times {
  readonly fromSubscribe: number;
  readonly fromAnswer: number;
  /** From the answer to the sending of the first message that arrived: what was sent in between did not. */
  readonly missed: number;
}

/** Subscribes, once something has been published for a while on the topic of that number, and waits for the first message. */
export async function sampleOf(number: number, endpoint: Endpoint, wire: Wire, publisher: Turnable): Promise<Times> {
  const connection = await Connection.open(endpoint, wire, `sub${number}`, null);
  const watch = new FirstMessage(wire, wire.topic(number), number);
  const both = Promise.withResolvers<void>();
  connection.onBytes((length, buffer) => {
    watch.take(buffer.subarray(0, length), performance.now());
    if (watch.first !== null && watch.answeredAt !== null) both.resolve();
  });
  publisher.turnTo(number);
  await sleep(BEFORE_MS);
  const since = performance.now();
  connection.write(wire.subscribe(wire.topic(number)));
  const late = setTimeout(() => both.reject(new Error(`no message within ${LIMIT_MS} ms`)), LIMIT_MS);
  await both.promise;
  clearTimeout(late);
  connection.close();
  const { at, sentAt } = watch.first!;
  const answeredAt = watch.answeredAt!;
  return {
    fromSubscribe: at - since,
    fromAnswer: Math.max(0, at - answeredAt),
    missed: Math.max(0, sentAt - answeredAt),
  };
}

/** Of all samples but the first few. */
export function timesOf(samples: readonly Times[]): Numbers {
  const warm = samples.slice(Math.floor(samples.length * WARM_SHARE));
  const of = (name: keyof Times, share: number): number =>
    quantile(
      warm.map((times) => times[name]),
      share,
    );
  return {
    p50Ms: of('fromSubscribe', 0.5),
    p99Ms: of('fromSubscribe', 0.99),
    fromAnswerP99Ms: of('fromAnswer', 0.99),
    missedP99Ms: of('missed', 0.99),
  };
}

/** A client subscribes on one node to a topic on which a client of the other publishes all the time. */
export const firstMessageOf =
  (peer: Peer): Job =>
  async ({ directory, parameters }) => {
    const running = await peer.start(directory, { tuning: 'latency', transport: 'tcp', nodes: 2 });
    try {
      const wire = createWire({ transport: 'tcp', protocol: peer.protocol, version: 4, qos: 0, userProperties: [] });
      const at = (port: number): Endpoint => ({ port, transport: 'tcp' });
      using publisher = new SteadyPublisher(await Connection.open(at(running.port), wire, 'publisher', null), wire);
      const samples: Times[] = [];
      for (let number = 1; number <= parameters.samples!; number++) {
        samples.push(await sampleOf(number, at(running.subscribePort), wire, publisher));
      }
      return timesOf(samples);
    } finally {
      await running.stop();
    }
  };
