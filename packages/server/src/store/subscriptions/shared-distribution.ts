import type { Delivery } from './delivery.ts';
import type { Distribution, DistributionHost, QueuePlace } from './distribution.ts';
import type { GroupConsumer } from './group-consumer.ts';
import { WaitingQueue } from './waiting-queue.ts';

/**
 * Shares out in turn: an event goes to the next consumer that has room. While none has, it waits in one queue for all of
 * them, as large as theirs together, so that no event waits for a slow consumer while another is free.
 */
export class SharedDistribution implements Distribution {
  readonly #host: DistributionHost;
  readonly #queue = new WaitingQueue(0);
  #consumers: GroupConsumer[] = [];
  #turn = 0;

  constructor(host: DistributionHost) {
    this.#host = host;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  get isRoomy(): boolean {
    return this.#queue.isRoomy;
  }

  queueFor(): QueuePlace | null {
    const [first] = this.#consumers;
    if (first === undefined) return null;
    const slowest = this.#consumers.reduce((a, b) => (b.waitsSince < a.waitsSince ? b : a), first);
    return { queue: this.#queue, slowest };
  }

  add(delivery: Delivery): void {
    if (this.#queue.push(delivery)) this.#host.warn(null, this.#queue);
  }

  dropped(): void {}

  answered(): void {}

  again(delivery: Delivery): void {
    this.add(delivery);
  }

  joined(consumer: GroupConsumer): void {
    this.#consumers = [...this.#consumers, consumer];
    this.#queue.bound = this.#host.definition.queueSize * this.#consumers.length;
  }

  left(consumer: GroupConsumer, returned: readonly Delivery[]): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer);
    this.#queue.bound = this.#host.definition.queueSize * this.#consumers.length;
    for (const delivery of returned) this.#queue.push(delivery);
  }

  ready(): void {}

  pump(): void {
    while (this.#queue.size > 0) {
      const consumer = this.#nextWithRoom();
      if (consumer === null) return;
      this.#host.hand(this.#queue.pop()!, consumer);
    }
  }

  #nextWithRoom(): GroupConsumer | null {
    const count = this.#consumers.length;
    for (let i = 0; i < count; i++) {
      const at = (this.#turn + i) % count;
      const consumer = this.#consumers[at]!;
      if (!consumer.hasRoom) continue;
      this.#turn = at + 1;
      return consumer;
    }
    return null;
  }

  drain(): Delivery[] {
    return this.#queue.drain();
  }
}
