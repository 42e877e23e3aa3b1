import { hashText, rendezvousScore } from '../../lib/text-hash.ts';
import type { StoredEvent } from '../event.ts';
import type { Delivery } from './delivery.ts';
import type { Distribution, DistributionHost, QueuePlace } from './distribution.ts';
import type { GroupConsumer } from './group-consumer.ts';

/** Which consumer a stream belongs to, among those there are. */
export type StreamOwnership = (stream: string, consumers: readonly GroupConsumer[]) => GroupConsumer;

/** A stream of which something is on its way. */
export interface StreamLane {
  readonly stream: string;
  owner: GroupConsumer;
  /** Whose it will be once nothing is in flight at its owner; null: it stays. */
  heir: GroupConsumer | null;
  /** Deliveries at the owner, not answered. */
  inFlight: number;
  /** Deliveries of it, in flight and waiting. */
  count: number;
  /** One that was refused and delivered again; nothing else of the stream is handed over before its answer. */
  retrying: Delivery | null;
}

/**
 * Shares out by stream: a stream has one owner, which gets its events in order. When consumers come or go, a stream with
 * something in flight stays where it is until that is answered; what else waits of it is held in front of its heir.
 */
export class StreamDistribution implements Distribution {
  readonly #host: DistributionHost;
  readonly #ownerOf: StreamOwnership;
  readonly #lanes = new Map<string, StreamLane>();
  #consumers: GroupConsumer[] = [];
  readonly #ready: GroupConsumer[] = [];
  #waiting = 0;
  /** The last that left, in whose queue everything waits until `drain`. */
  #last: GroupConsumer | null = null;

  constructor(host: DistributionHost, ownerOf: StreamOwnership) {
    this.#host = host;
    this.#ownerOf = ownerOf;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get isRoomy(): boolean {
    for (const consumer of this.#consumers) if (!consumer.queue.isRoomy) return false;
    return true;
  }

  queueFor(event: StoredEvent): QueuePlace | null {
    if (this.#consumers.length === 0) return null;
    const lane = this.#lanes.get(event.stream);
    const consumer = lane === undefined ? this.#ownerOf(event.stream, this.#consumers) : (lane.heir ?? lane.owner);
    return { queue: consumer.queue, slowest: consumer };
  }

  add(delivery: Delivery): void {
    const { stream } = delivery.event!;
    let lane = this.#lanes.get(stream);
    if (lane === undefined) {
      const owner = this.#ownerOf(stream, this.#consumers);
      lane = { stream, owner, heir: null, inFlight: 0, count: 0, retrying: null };
      this.#lanes.set(stream, lane);
    }
    lane.count++;
    delivery.lane = lane;
    this.#enqueue(delivery, lane);
  }

  #enqueue(delivery: Delivery, lane: StreamLane): void {
    const consumer = lane.heir ?? lane.owner;
    this.#waiting++;
    if (consumer.queue.push(delivery)) this.#host.warn(consumer, consumer.queue);
    this.ready(consumer);
  }

  dropped(delivery: Delivery): void {
    this.#waiting--;
    const lane = delivery.lane!;
    delivery.lane = null;
    if (--lane.count === 0) this.#lanes.delete(lane.stream);
  }

  answered(delivery: Delivery, consumer: GroupConsumer): void {
    const lane = delivery.lane!;
    delivery.lane = null;
    lane.inFlight--;
    if (--lane.count === 0) this.#lanes.delete(lane.stream);
    else this.#settle(lane, delivery);
    this.ready(consumer);
  }

  again(delivery: Delivery, consumer: GroupConsumer): void {
    const lane = delivery.lane!;
    lane.inFlight--;
    this.#enqueue(delivery, lane);
    this.#settle(lane, delivery);
    this.ready(consumer);
  }

  /** An answer to `delivery` may end what the lane waits for. */
  #settle(lane: StreamLane, delivery: Delivery): void {
    const moves = lane.heir !== null && lane.inFlight === 0;
    const isRetried = lane.retrying === delivery;
    if (!moves && !isRetried) return;
    if (isRetried) lane.retrying = null;
    if (moves) lane.owner = lane.heir!;
    if (moves) lane.heir = null;
    lane.owner.queue.release(lane);
    this.ready(lane.owner);
  }

  joined(consumer: GroupConsumer): void {
    this.#consumers = [...this.#consumers, consumer];
    this.#rebalance([]);
  }

  left(consumer: GroupConsumer, returned: readonly Delivery[]): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer);
    const back = [...consumer.queue.drain(), ...returned];
    this.#waiting += returned.length;
    if (this.#consumers.length > 0) this.#rebalance(back);
    else {
      for (const delivery of back) consumer.queue.push(delivery);
      this.#last = consumer;
    }
  }

  drain(): Delivery[] {
    const all = this.#last?.queue.drain() ?? [];
    for (const delivery of all) delivery.lane = null;
    this.#last = null;
    this.#lanes.clear();
    this.#ready.length = 0;
    this.#waiting = 0;
    return all;
  }

  /** Finds the owner of every lane anew. @param homeless wait in nobody's queue */
  #rebalance(homeless: readonly Delivery[]): void {
    const waiting = [...homeless];
    for (const consumer of this.#consumers) waiting.push(...consumer.queue.drain());
    for (const lane of this.#lanes.values()) {
      const owner = this.#ownerOf(lane.stream, this.#consumers);
      if (!this.#consumers.includes(lane.owner)) {
        lane.inFlight = 0;
        lane.retrying = null;
      }
      const stays = lane.inFlight > 0;
      lane.heir = stays && lane.owner !== owner ? owner : null;
      if (!stays) lane.owner = owner;
    }
    this.#waiting -= waiting.length;
    for (const delivery of waiting) this.#enqueue(delivery, delivery.lane!);
    for (const consumer of this.#consumers) this.ready(consumer);
  }

  ready(consumer: GroupConsumer): void {
    if (consumer.isReady || consumer.isClosed) return;
    consumer.isReady = true;
    this.#ready.push(consumer);
  }

  pump(): void {
    for (let consumer = this.#ready.pop(); consumer !== undefined; consumer = this.#ready.pop()) {
      consumer.isReady = false;
      while (consumer.hasRoom) {
        const delivery = this.#next(consumer);
        if (delivery === null) break;
        this.#waiting--;
        const lane = delivery.lane!;
        lane.inFlight++;
        if (delivery.isRefused) lane.retrying = delivery;
        this.#host.hand(delivery, consumer);
      }
    }
  }

  #next(consumer: GroupConsumer): Delivery | null {
    for (let delivery = consumer.queue.pop(); delivery !== null; delivery = consumer.queue.pop()) {
      const { owner, retrying } = delivery.lane!;
      if (owner === consumer && retrying === null) return delivery;
      consumer.queue.hold(delivery);
    }
    return null;
  }
}

/** Rendezvous hashing: each consumer has a score for the stream, the highest wins. */
export const byRendezvous: StreamOwnership = (stream, consumers) => {
  if (consumers.length === 1) return consumers[0]!;
  const hash = hashText(stream);
  let owner = consumers[0]!;
  let best = -1;
  for (const consumer of consumers) {
    const score = rendezvousScore(hash, consumer.number);
    if (score > best) {
      best = score;
      owner = consumer;
    }
  }
  return owner;
};

/** The one that has been there longest has everything. */
export const byAge: StreamOwnership = (_, consumers) => consumers[0]!;
