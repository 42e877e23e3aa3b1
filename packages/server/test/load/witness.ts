import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { until } from './node-process.ts';
import { RawClient, type RawClientOptions } from './raw-client.ts';

export interface Testimony {
  sent: number;
  received: number;
  /** Messages that came out of order, or twice. */
  disordered: number;
  /** From just before the write to the read, in milliseconds. */
  maxMs: number;
  p99Ms: number;
}

const US_PER_MS = 1000;

/**
 * A client that publishes at QoS 1 all the time, and one that gets it: what everybody else of a node notices of what is done to
 * it. It sees every message, in order, and how long it took.
 */
export class Witness {
  readonly publisher: RawClient;
  readonly subscriber: RawClient;
  #sent = 0;
  #received = 0;
  #disordered = 0;
  #latency: RecordableHistogram = createHistogram();
  readonly #sentAt = new Map<number, number>();
  #timer: NodeJS.Timeout | null = null;

  private constructor(publisher: RawClient, subscriber: RawClient) {
    this.publisher = publisher;
    this.subscriber = subscriber;
    subscriber.onMessage = ({ buffer, payloadStart, end }) => {
      this.#receive(Number(Buffer.from(buffer.subarray(payloadStart, end)).toString()));
    };
  }

  /** Starts to publish, every `intervalMs`. */
  static async start(port: number, intervalMs: number, options: RawClientOptions = {}): Promise<Witness> {
    const witness = new Witness(
      await RawClient.connect(port, 'witness-publisher', options),
      await RawClient.connect(port, 'witness-subscriber', options),
    );
    await witness.subscriber.subscribe('witness/topic', 1);
    witness.#timer = setInterval(() => witness.#publish(), intervalMs);
    return witness;
  }

  /** Forgets the latencies so far. */
  reset(): void {
    this.#latency = createHistogram();
  }

  testimony(): Testimony {
    return {
      sent: this.#sent,
      received: this.#received,
      disordered: this.#disordered,
      maxMs: this.#latency.max / US_PER_MS,
      p99Ms: this.#latency.percentile(99) / US_PER_MS,
    };
  }

  /** Ends publishing, waits for what is on its way, and disconnects. @throws when a client was cut off or a message is missing */
  async stop(): Promise<Testimony> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await until('every message of the witness', 10_000, () => this.#received >= this.#sent);
    await until('every acknowledgement', 10_000, () => this.publisher.acknowledged >= this.#sent);
    if (this.publisher.closed || this.subscriber.closed) throw new Error('the witness was cut off');
    this.publisher.vanish();
    this.subscriber.vanish();
    return this.testimony();
  }

  #publish(): void {
    const number = this.#sent++;
    this.#sentAt.set(number, performance.now());
    this.publisher.publish('witness/topic', `${number}`, { qos: 1 });
  }

  #receive(number: number): void {
    const sentAt = this.#sentAt.get(number);
    if (sentAt === undefined || number !== this.#received) this.#disordered++;
    if (sentAt !== undefined) {
      this.#latency.record(Math.max(1, Math.round((performance.now() - sentAt) * US_PER_MS)));
    }
    this.#sentAt.delete(number);
    this.#received++;
  }
}
