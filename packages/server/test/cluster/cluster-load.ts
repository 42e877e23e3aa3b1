import { RawClient } from '../load/raw-client.ts';
import { type Random, randomFrom } from '../store/random.ts';
import { sleep, until } from '../store/store-process.ts';
import type { ClusterNode } from './cluster-node.ts';
import type { Flow, Ledger, Receiver } from './ledger.ts';

/** Messages of one publisher without an answer. */
const WINDOW = 64;
const TICK_MS = 10;
const TOPICS_PER_PUBLISHER = 2;
const CHURN_FILTERS = 8;
/** After the last fault. */
const ANSWER_TIMEOUT_MS = 10_000;
const DELIVERY_TIMEOUT_MS = 5000;

export interface ClusterLoadOptions {
  readonly publishersPerNode: number;
  /** Of each publisher, each 10 ms. */
  readonly messagesPerTick: number;
  readonly random?: Random;
}

/** Sends numbered messages at QoS 1, a window of them at a time; what has no answer when its node is gone it sends again to the next. */
class Publisher {
  readonly id: string;
  readonly #flows: readonly Flow[];
  readonly #perTick: number;
  readonly #open = new Map<number, { readonly flow: Flow; readonly number: number }>();
  #client: RawClient | null = null;
  #next = 0;
  /** Longest time to an answer so far. */
  slowestMs = 0;

  constructor(id: string, flows: readonly Flow[], perTick: number) {
    this.id = id;
    this.#flows = flows;
    this.#perTick = perTick;
  }

  get waiting(): number {
    return this.#flows.reduce((sum, { open }) => sum + open.size, 0);
  }

  get isConnected(): boolean {
    return this.#client !== null && !this.#client.closed;
  }

  async connect({ host, ports }: ClusterNode): Promise<void> {
    this.#open.clear();
    const client = await RawClient.connect(ports.mqtt, this.id, { host });
    client.onAnswered = (packetId, reason) => this.#answered(packetId, reason);
    this.#client = client;
    for (const flow of this.#flows) for (const number of [...flow.open]) this.#send(flow, number, flow.again(number));
  }

  tick(): void {
    if (!this.isConnected) return;
    for (let i = 0; i < this.#perTick && this.#open.size < WINDOW; i++) {
      const flow = this.#flows[this.#next++ % this.#flows.length]!;
      this.#send(flow, flow.sent.length, flow.next(performance.now()));
    }
  }

  vanish(): void {
    this.#client?.vanish();
  }

  #send(flow: Flow, number: number, payload: string): void {
    this.#open.set(this.#client!.publish(`load/${flow.id}`, payload, { qos: 1 }), { flow, number });
  }

  #answered(packetId: number, reason: number): void {
    const open = this.#open.get(packetId);
    if (open === undefined) return;
    this.#open.delete(packetId);
    const now = performance.now();
    this.slowestMs = Math.max(this.slowestMs, now - open.flow.sent[open.number]!.sentMs);
    open.flow.answered(open.number, reason, now);
  }
}

/** What hangs on one node: publishers, a subscriber of everything, and one that changes what it wants all the time. */
class NodeLoad {
  readonly node: ClusterNode;
  readonly publishers: readonly Publisher[];
  readonly churned = new Set<number>();
  subscriber: { readonly client: RawClient; readonly receiver: Receiver } | null = null;
  churner: RawClient | null = null;

  constructor(node: ClusterNode, publishers: readonly Publisher[]) {
    this.node = node;
    this.publishers = publishers;
  }

  churn(random: Random): void {
    if (this.churner === null || this.churner.closed) return;
    const which = random(CHURN_FILTERS);
    const filter = `churn/${this.node.number}/${which}`;
    if (this.churned.delete(which)) this.churner.unsubscribe(filter);
    else {
      this.churned.add(which);
      void this.churner.subscribe(filter, 1);
    }
  }
}

/** Clients of all nodes of a cluster: each publishes to all, and gets from all. */
export class ClusterLoad {
  readonly ledger: Ledger;
  readonly #random: Random;
  readonly #loads: readonly NodeLoad[];
  #timer: NodeJS.Timeout | null = null;
  #connections = 0;

  constructor(nodes: readonly ClusterNode[], ledger: Ledger, options: ClusterLoadOptions) {
    const { publishersPerNode, messagesPerTick, random = randomFrom(1) } = options;
    this.ledger = ledger;
    this.#random = random;
    this.#loads = nodes.map((node) => {
      const ids = Array.from({ length: publishersPerNode }, (_, i) => `p${node.number}-${i}`);
      const flows = (id: string): Flow[] =>
        Array.from({ length: TOPICS_PER_PUBLISHER }, (_, i) => ledger.flow(`${id}/${i}`, node.number));
      return new NodeLoad(
        node,
        ids.map((id) => new Publisher(id, flows(id), messagesPerTick)),
      );
    });
  }

  /** Longest that a publisher of this node, of those that were never without it, has waited for an answer. */
  slowestMs({ number }: ClusterNode): number {
    return Math.max(...this.#of(number).publishers.map(({ slowestMs }) => slowestMs));
  }

  /** Subscribers first: what they want is to be known when the first message goes. */
  async subscribe(node: ClusterNode): Promise<void> {
    const load = this.#of(node.number);
    const { host, ports } = node;
    const receiver = this.ledger.receiver(`s${node.number}-${this.#connections++}`, node.number);
    const client = await RawClient.connect(ports.mqtt, receiver.id, { host });
    client.onMessage = ({ buffer, payloadStart, end }) =>
      receiver.receive(Buffer.from(buffer.buffer, buffer.byteOffset + payloadStart, end - payloadStart).toString());
    load.subscriber = { client, receiver };
    await client.subscribe('load/#', 1);
    load.churned.clear();
    load.churner = await RawClient.connect(ports.mqtt, `c${node.number}-${this.#connections++}`, { host });
  }

  async publish({ number }: ClusterNode): Promise<void> {
    const { node, publishers } = this.#of(number);
    for (const publisher of publishers) await publisher.connect(node);
  }

  run(): void {
    this.#timer ??= setInterval(() => {
      for (const load of this.#loads) {
        for (const publisher of load.publishers) publisher.tick();
        load.churn(this.#random);
      }
    }, TICK_MS);
  }

  /** No new messages. */
  rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** The node is no more, or will be in a moment: its subscribers are promised nothing. */
  abandon({ number }: ClusterNode): void {
    const { subscriber } = this.#of(number);
    if (subscriber !== null) subscriber.receiver.ended = true;
  }

  /** What each node should want: topics, and the numbers of the nodes with subscribers. */
  expected(): Map<string, number[]> {
    const expected = new Map<string, number[]>();
    const live = this.#loads.filter(({ subscriber }) => subscriber !== null && !subscriber.client.closed);
    expected.set(
      'load/x/0',
      live.map(({ node }) => node.number),
    );
    for (const { node, churned } of live) {
      for (let which = 0; which < CHURN_FILTERS; which++) {
        expected.set(`churn/${node.number}/${which}`, churned.has(which) ? [node.number] : []);
      }
    }
    return expected;
  }

  /** Stops, waits until all is answered and delivered, and leaves. @returns everything that is wrong */
  async finish(): Promise<string[]> {
    this.rest();
    const publishers = this.#loads.flatMap((load) => load.publishers);
    const faults: string[] = [];
    const waiting = (): number =>
      publishers.reduce((sum, { isConnected, waiting: open }) => sum + (isConnected ? open : 0), 0);
    await until('answers', ANSWER_TIMEOUT_MS, () => waiting() === 0).catch(() => {
      for (const { id, waiting: open } of publishers) if (open > 0) faults.push(`${id} waits for ${open} answers`);
    });
    // What is acknowledged may still be on its way to a subscriber.
    await until('deliveries', DELIVERY_TIMEOUT_MS, () => this.ledger.faults().length === 0).catch(() => {});
    await sleep(100);
    faults.push(...this.ledger.faults());
    for (const { node, subscriber } of this.#loads) {
      if (subscriber?.client.closed === true && !subscriber.receiver.ended) {
        faults.push(`${subscriber.receiver.id} lost its connection to node ${node.number}, which lived`);
      }
    }
    return faults;
  }

  leave(): void {
    this.rest();
    for (const { publishers, subscriber, churner } of this.#loads) {
      for (const publisher of publishers) publisher.vanish();
      subscriber?.client.vanish();
      churner?.vanish();
    }
  }

  #of(number: number): NodeLoad {
    return this.#loads.find(({ node }) => node.number === number)!;
  }
}
