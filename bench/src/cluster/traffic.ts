import { setTimeout as sleep } from 'node:timers/promises';
import { readFrames, type Subscriber } from '../generator/closed-loop.ts';
import { Connection } from '../generator/connection.ts';
import { MqttWire } from '../generator/mqtt-wire.ts';
import { quantile } from '../rows/job.ts';

const PAYLOAD_BYTES = 100;
/** How long the last messages may take. */
const LINGER_MS = 2000;

export interface Delays {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A message every millisecond from a client of one node to a client of another, with its delay. */
export class Traffic implements Disposable {
  readonly #publisher: Connection;
  readonly #subscriber: Subscriber;
  readonly #timer: NodeJS.Timeout;
  readonly #sentAt: number[] = [];
  readonly #delays: number[] = [];

  private constructor(wire: MqttWire, publisher: Connection, subscriber: Connection) {
    this.#publisher = publisher;
    this.#subscriber = { connection: subscriber, received: 0 };
    const topic = wire.topic(1);
    const shape = wire.deliveryShape(topic, PAYLOAD_BYTES);
    const arrived = (buffer: Buffer, offset: number): void => {
      const number = buffer.readUInt32BE(offset + shape.payloadOffset);
      if (number !== this.#delays.length) throw new Error(`message ${number} instead of ${this.#delays.length}`);
      this.#delays.push(performance.now() - this.#sentAt[number]!);
    };
    readFrames(this.#subscriber, shape, arrived, () => {});
    this.#timer = setInterval(() => {
      const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');
      payload.writeUInt32BE(this.#sentAt.length);
      this.#sentAt.push(performance.now());
      publisher.write(wire.publish(topic, payload, 0));
    }, 1);
  }

  static async between(publishPort: number, subscribePort: number): Promise<Traffic> {
    const wire = new MqttWire(4, 0, []);
    const endpoint = (port: number) => ({ port, transport: 'tcp' }) as const;
    const subscriber = await Connection.open(endpoint(subscribePort), wire, 'traffic-in', wire.topic(1));
    const publisher = await Connection.open(endpoint(publishPort), wire, 'traffic-out', null);
    // The other node hears of the subscription after its client does.
    await sleep(500);
    return new Traffic(wire, publisher, subscriber);
  }

  /** Of the messages that were sent between two moments. Throws if one of them was lost. */
  async delays(from: number, to: number): Promise<Delays> {
    const numbers = [...this.#sentAt.keys()].filter((number) => {
      const at = this.#sentAt[number]!;
      return at >= from && at <= to;
    });
    const deadline = performance.now() + LINGER_MS;
    while (this.#delays.length <= numbers.at(-1)! && performance.now() < deadline) await sleep(5);
    const delays = numbers.map((number) => this.#delays[number]);
    if (delays.some((delay) => delay === undefined)) throw new Error('messages of the traffic never arrived');
    return { p99Ms: quantile(delays as number[], 0.99), maxMs: Math.max(...(delays as number[])) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#publisher.close();
    this.#subscriber.connection.close();
  }
}
