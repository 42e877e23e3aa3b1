import type net from 'node:net';
import { publishPacket } from '../../src/testing/packets.ts';
import { until } from './node-process.ts';
import { RawClient } from './raw-client.ts';

const PAYLOAD = new Uint8Array(100).fill(0x78);
/** Messages between what was published and what the slowest subscriber has. */
const WINDOW = 4000;
const BATCH = 200;

/**
 * One publisher and several subscribers at QoS 0, as fast as they go or at a rate. All packets have one size, so that receiving is
 * counting bytes, and the generator is not what is measured.
 */
export class FanOut {
  published = 0;
  readonly #publisher: RawClient;
  readonly #packets: Uint8Array[];
  readonly #received: number[];
  #next = 0;

  private constructor(publisher: RawClient, topics: readonly string[], subscribers: number) {
    this.#publisher = publisher;
    this.#packets = topics.map((topic) => publishPacket(5, topic, PAYLOAD));
    if (new Set(this.#packets.map(({ length }) => length)).size !== 1) throw new Error('topics of different lengths');
    this.#received = new Array<number>(subscribers).fill(0);
  }

  /** @param filter matches all of `topics`, which have one length */
  static async open(port: number, topics: readonly string[], filter: string, subscribers: number): Promise<FanOut> {
    const publisher = await RawClient.connect(port, 'fan-out-publisher');
    const fanOut = new FanOut(publisher, topics, subscribers);
    for (let i = 0; i < subscribers; i++) {
      const client = await RawClient.connect(port, `fan-out-${i}`);
      await client.subscribe(filter);
      countBytes(client.socket, (bytes) => {
        fanOut.#received[i]! += bytes;
      });
    }
    return fanOut;
  }

  /** Messages that the slowest subscriber has. */
  get delivered(): number {
    return Math.floor(Math.min(...this.#received) / this.#packets[0]!.length);
  }

  /** Publishes for `ms`, on all topics in turn. @param perSecond absent: as fast as the slowest subscriber gets them */
  async run(ms: number, perSecond = Number.POSITIVE_INFINITY): Promise<void> {
    const startedAt = performance.now();
    const before = this.published;
    for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
      const due = before + Math.ceil((elapsed / 1000) * perSecond);
      while (this.published < due && this.published - this.delivered < WINDOW)
        this.#publish(Math.min(BATCH, due - this.published));
      await new Promise(perSecond === Number.POSITIVE_INFINITY ? setImmediate : (resolve) => setTimeout(resolve, 1));
    }
    await until('all is delivered', 10_000, () => this.delivered >= this.published);
  }

  #publish(count: number): void {
    const packets: Uint8Array[] = [];
    for (let i = 0; i < count; i++) packets.push(this.#packets[this.#next++ % this.#packets.length]!);
    this.#publisher.send(Buffer.concat(packets));
    this.published += count;
  }
}

function countBytes(socket: net.Socket, count: (bytes: number) => void): void {
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => count(chunk.length));
}
