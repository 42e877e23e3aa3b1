import type { Qos } from '@plexus/protocol';
import type { RawClient } from '../load/raw-client.ts';
import { until } from '../store/store-process.ts';
import type { MeshNode } from './mesh-node.ts';
import { WAIT_MS } from './mesh-world.ts';

let count = 0;

/** A client with filters that keeps what it gets. */
export class Subscriber {
  readonly client: RawClient;
  readonly got: string[] = [];

  private constructor(client: RawClient) {
    this.client = client;
    client.onMessage = ({ buffer, payloadStart, end }) => {
      this.got.push(Buffer.from(buffer.buffer, buffer.byteOffset + payloadStart, end - payloadStart).toString());
    };
  }

  static async of(
    node: MeshNode,
    filters: string | readonly string[],
    qos: Qos = 1,
    realm?: string,
  ): Promise<Subscriber> {
    const subscriber = new Subscriber(await node.client(`subscriber-${++count}`, realm ?? null));
    await subscriber.client.subscribe(filters, qos);
    return subscriber;
  }

  /** Until it has so many. @throws with what it has */
  async has(number: number): Promise<void> {
    await until(`${number} messages`, WAIT_MS, () => this.got.length >= number).catch((error: Error) => {
      throw new Error(`${error.message}: ${this.got.length} came: ${this.got.slice(0, 20).join()}`);
    });
  }

  take(): string[] {
    return this.got.splice(0);
  }
}

/** A client that publishes, and knows what was answered. */
export class Publisher {
  readonly client: RawClient;
  /** Reasons by packet id. */
  readonly answers = new Map<number, number>();

  private constructor(client: RawClient) {
    this.client = client;
    client.onAnswered = (packetId, reason) => this.answers.set(packetId, reason);
  }

  static async on(node: MeshNode, realm?: string): Promise<Publisher> {
    return new Publisher(await node.client(`publisher-${++count}`, realm ?? null));
  }

  send(topic: string, texts: readonly string[], qos: Qos = 1): void {
    for (const text of texts) this.client.publish(topic, text, { qos });
  }

  /** The same, and waits for the answers. @returns their reasons */
  async sendAll(topic: string, texts: readonly string[], qos: 1 | 2 = 1): Promise<number[]> {
    const ids = texts.map((text) => this.client.publish(topic, text, { qos }));
    await until('answers', WAIT_MS, () => ids.every((id) => this.answers.has(id)));
    return ids.map((id) => this.answers.get(id)!);
  }

  /** Publishes again and again until a subscriber has it: who wants it is known then. */
  async isHeardBy(topic: string, subscribers: readonly Subscriber[]): Promise<void> {
    let tries = 0;
    await until(`${topic} to arrive`, WAIT_MS, async () => {
      await this.sendAll(topic, [`try ${tries++}`]);
      return subscribers.every(({ got }) => got.length > 0);
    });
    const last = `try ${tries - 1}`;
    await until('the last of them', WAIT_MS, () => subscribers.every(({ got }) => got.includes(last)));
    for (const subscriber of subscribers) subscriber.take();
  }
}

export const numbers = (length: number, prefix = 'm'): string[] => Array.from({ length }, (_, i) => `${prefix}${i}`);
