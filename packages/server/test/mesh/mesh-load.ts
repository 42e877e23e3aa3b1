import type { RawClient } from '../load/raw-client.ts';
import type { Random } from '../store/random.ts';
import { sleep, until } from '../store/store-process.ts';
import { type MeshFlow, MeshLedger, type MeshReceiver } from './mesh-ledger.ts';
import type { MeshNode } from './mesh-node.ts';
import { MeshWorld } from './mesh-world.ts';

export const REALMS = ['east', 'west'] as const;
/** How long those who have found each other in the directory may take to link. */
const LINKED_MS = 15_000;
const KNOWN_MS = 120_000;
/** However slow the machine is, nothing is given up because of it. */
const UNHURRIED = { lookupTimeoutMs: 60_000, meshPendingMs: 300_000 };
const TICK_MS = 100;
const SUBSCRIBERS = 60;
const PUBLISHERS = 20;
/** Of one publisher, without an answer. */
const WINDOW = 20;
const [PLANTS, SENSORS] = [8, 3];
const SETTLE_MS = 120_000;
/** Nodes of one cluster, and clusters. */
const CLUSTERS = 3;
const ALONE_EVERY = 8;

interface Subscriber {
  readonly node: MeshNode;
  readonly client: RawClient;
  readonly receiver: MeshReceiver;
}

interface Publisher {
  readonly node: MeshNode;
  readonly client: RawClient;
  readonly flows: readonly MeshFlow[];
  readonly open: Map<number, { readonly flow: MeshFlow; readonly number: number }>;
}

export interface MeshRunOptions {
  readonly nodes: number;
  readonly ms: number;
  readonly random: Random;
  readonly tell: (line: string) => void;
}

/** Many nodes, with clients that come and go, in two realms, and nodes that are killed and come back. */
export class MeshRun {
  readonly world: MeshWorld;
  readonly ledger = new MeshLedger();
  refused = 0;
  acknowledged = 0;
  kills = 0;
  readonly #options: MeshRunOptions;
  readonly #realms = new Map<MeshNode, readonly string[]>();
  #subscribers: Subscriber[] = [];
  #publishers: Publisher[] = [];
  #clients = 0;

  constructor(options: MeshRunOptions) {
    this.#options = options;
    this.world = new MeshWorld({ hosts: Math.ceil(options.nodes / 10) });
  }

  /** @returns everything that is wrong */
  async run(): Promise<string[]> {
    const { ms, tell } = this.#options;
    await this.#start();
    await this.#fill();
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    await this.#known();
    const endMs = performance.now() + ms;
    const faults: string[] = [];
    let heap = 0;
    try {
      const firstThirdMs = performance.now() + ms / 3;
      while (performance.now() < endMs) {
        const over = await this.#killSome();
        await this.#churn();
        await this.#fill();
        const knownMs = await this.#known();
        for (const end of over) end(knownMs);
        if (heap === 0 && performance.now() > firstThirdMs) heap = await this.#heapBytes();
        const { acknowledged, refused } = this;
        tell(`${this.kills} kills, ${acknowledged} acknowledged, ${refused} refused, ${this.#received()} deliveries`);
      }
    } finally {
      clearInterval(ticking);
    }
    await this.#answered().catch((error: Error) => faults.push(error.message));
    for (const { node, flows, open } of this.#publishers) {
      if (open.size > 0)
        faults.push(`${open.size} of ${flows.map(({ id }) => id)} on node ${node.number} have no answer`);
    }
    let last: string[] = [];
    await until('deliveries', SETTLE_MS, async () => {
      last = this.ledger.faults();
      if (last.length > 0) await sleep(TICK_MS);
      return last.length === 0;
    }).catch(() => {});
    faults.push(...last);
    if (this.ledger.required === 0) faults.push('nothing was looked at');
    faults.push(...(await this.#unbounded(heap)));
    return faults;
  }

  async #start(): Promise<void> {
    const { nodes, tell } = this.#options;
    for (let i = 0; i < nodes; i++) {
      const cluster = i < 3 * CLUSTERS ? `cluster-${Math.floor(i / 3)}` : null;
      const realms = cluster !== null || i % 3 === 0 ? REALMS : [REALMS[i % 2]!];
      const node = await this.world.add({
        realms: Object.fromEntries(realms.map((name) => [name, {}])),
        ...(cluster !== null && { cluster }),
        isAlone: i % ALONE_EVERY === ALONE_EVERY - 1,
        config: UNHURRIED,
      });
      this.#realms.set(node, realms);
    }
    const begin = performance.now();
    const all = this.world.nodes;
    // Whoever is up are enough to join.
    this.world.bootstrap = all.slice(-3);
    await this.world.start(...this.world.bootstrap);
    for (let i = 0; i < nodes - 3; i += 10) await this.world.start(...all.slice(i, Math.min(i + 10, nodes - 3)));
    await this.world.clustersFormed();
    tell(`${nodes} nodes after ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  }

  /** As many clients as there shall be. */
  async #fill(): Promise<void> {
    while (this.#subscribers.length < SUBSCRIBERS) await this.#subscribe();
    while (this.#publishers.length < PUBLISHERS) await this.#publish();
  }

  async #subscribe(): Promise<void> {
    const { node, realm } = this.#anywhere();
    const filter = this.#anyFilter();
    const client = await node.client(`s${this.#clients++}`, realm);
    const early: string[] = [];
    let receiver: MeshReceiver | null = null;
    client.onMessage = ({ buffer, payloadStart, end }) => {
      const text = Buffer.from(buffer.buffer, buffer.byteOffset + payloadStart, end - payloadStart).toString();
      if (receiver === null) early.push(text);
      else receiver.receive(text);
    };
    await client.subscribe(filter, 1);
    receiver = this.ledger.receiver({ realm, filter, node: node.number });
    for (const text of early) receiver.receive(text);
    this.#subscribers.push({ node, client, receiver });
  }

  async #publish(): Promise<void> {
    const { random } = this.#options;
    const { node, realm } = this.#anywhere();
    const client = await node.client(`p${this.#clients++}`, realm);
    const topics = new Set(Array.from({ length: 1 + random(3) }, () => this.#anyTopic()));
    const flows = [...topics].map((topic) => this.ledger.flow(realm, topic, node.number));
    const publisher: Publisher = { node, client, flows, open: new Map() };
    client.onAnswered = (packetId, reason) => {
      const open = publisher.open.get(packetId);
      publisher.open.delete(packetId);
      if (open === undefined) return;
      if (reason >= 0x80) this.refused++;
      else {
        this.acknowledged++;
        open.flow.sent[open.number]!.acknowledgedMs = performance.now();
      }
    };
    this.#publishers.push(publisher);
  }

  #tick(): void {
    const { random } = this.#options;
    for (const { client, flows, open } of this.#publishers) {
      if (client.closed || open.size >= WINDOW || random(2) === 0) continue;
      const flow = flows[random(flows.length)]!;
      const text = flow.next();
      const qos = random(10) === 0 ? 2 : 1;
      open.set(client.publish(flow.topic, text, { qos }), { flow, number: flow.sent.length - 1 });
    }
  }

  /** Some clients go, by themselves. */
  async #churn(): Promise<void> {
    const { random } = this.#options;
    for (let i = 0; i < 3; i++) {
      const [subscriber] = this.#subscribers.splice(random(this.#subscribers.length), 1);
      if (subscriber === undefined) break;
      subscriber.receiver.endMs = performance.now();
      subscriber.client.vanish();
    }
    const leaving = this.#publishers.splice(random(this.#publishers.length), 1);
    await until('its answers', SETTLE_MS, () => leaving.every(({ open, client }) => open.size === 0 || client.closed));
    for (const { client } of leaving) client.vanish();
  }

  /** One to three nodes, that come back after a moment. @returns to be called when everybody knows them again */
  async #killSome(): Promise<((toMs: number) => void)[]> {
    const { random } = this.#options;
    const dying = new Set(
      Array.from({ length: 1 + random(3) }, () => this.world.nodes[random(this.world.nodes.length)]!),
    );
    const over: ((toMs: number) => void)[] = [];
    for (const node of dying) {
      this.kills++;
      over.push(this.ledger.disturbed(node.number));
      for (const { receiver, client } of this.#subscribers.filter((each) => each.node === node)) {
        receiver.endMs = performance.now();
        client.vanish();
      }
      this.#subscribers = this.#subscribers.filter((each) => each.node !== node);
      this.#publishers = this.#publishers.filter((each) => each.node !== node);
    }
    await Promise.all([...dying].map((node) => node.kill()));
    await sleep(random(8000));
    const running = this.world.nodes.filter(({ isRunning }) => isRunning);
    // Those where the first ones joined may be gone.
    this.world.bootstrap = [0, 1, 2].map(() => running[random(running.length)]!);
    await this.world.start(...dying);
    await this.world.clustersFormed();
    return over;
  }

  /** Until the directory has all that every node wants and publishes, and each has looked for the others. @returns when they are linked */
  async #known(): Promise<number> {
    for (const node of this.world.nodes) {
      await until(`what node ${node.number} looks for`, KNOWN_MS, async () => {
        const { advertisements, lookups } = await node.get<{
          advertisements: { waiting: number; advertising: number; failed: number };
          lookups: { running: number; waiting: number };
        }>('/api/v1/mesh');
        const { waiting, advertising, failed } = advertisements;
        if (waiting + advertising + failed + lookups.running + lookups.waiting === 0) return true;
        await sleep(TICK_MS);
        return false;
      });
    }
    await sleep(LINKED_MS);
    const knownMs = performance.now();
    for (const flow of this.#publishers.flatMap(({ flows }) => flows)) {
      if (flow.isAcknowledged && Number.isNaN(flow.readyMs)) flow.readyMs = knownMs;
    }
    for (const { receiver } of this.#subscribers) if (Number.isNaN(receiver.readyMs)) receiver.readyMs = knownMs;
    return knownMs;
  }

  async #answered(): Promise<void> {
    const waiting = (): number => this.#publishers.reduce((sum, { open }) => sum + open.size, 0);
    await until('answers', SETTLE_MS, () => waiting() === 0);
  }

  /** What has grown beyond what so many nodes need. @param heapBefore when a third of the time was over */
  async #unbounded(heapBefore: number): Promise<string[]> {
    const { tell } = this.#options;
    const faults: string[] = [];
    let links = 0;
    for (const node of this.world.nodes) {
      const count = (await node.links()).length;
      const { pending } = await node.get<{ pending: { messages: number } }>('/api/v1/mesh');
      links = Math.max(links, count);
      if (count >= this.world.nodes.length) faults.push(`node ${node.number} has ${count} links`);
      if (pending.messages > 0) faults.push(`${pending.messages} messages wait on node ${node.number}`);
    }
    const heap = await this.#heapBytes();
    tell(`at most ${links} links, ${(heap / 2 ** 20).toFixed()} MiB, ${(heapBefore / 2 ** 20).toFixed()} MiB before`);
    if (heap > 1.5 * heapBefore + 2 ** 27) faults.push(`${heapBefore} bytes have become ${heap}`);
    return faults;
  }

  async #heapBytes(): Promise<number> {
    let bytes = 0;
    for (const host of this.world.hosts) bytes += (await host.ask({ do: 'memory' })).heapBytes ?? 0;
    return bytes;
  }

  #received(): number {
    return this.ledger.receivers.reduce((sum, { count }) => sum + count, 0);
  }

  #anywhere(): { node: MeshNode; realm: string } {
    const { random } = this.#options;
    const running = this.world.nodes.filter(({ isRunning }) => isRunning);
    const node = running[random(running.length)]!;
    const realms = this.#realms.get(node)!;
    return { node, realm: realms[random(realms.length)]! };
  }

  #anyTopic(): string {
    const { random } = this.#options;
    return `plant/${random(PLANTS)}/${random(SENSORS)}`;
  }

  #anyFilter(): string {
    const { random } = this.#options;
    const [plant, sensor] = [random(PLANTS), random(SENSORS)];
    const filters = [`plant/${plant}/${sensor}`, `plant/+/${sensor}`, `plant/${plant}/#`, `+/${plant}/${sensor}`, '#'];
    return filters[random(filters.length)]!;
  }
}
