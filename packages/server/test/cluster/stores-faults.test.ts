import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep, until } from '../store/store-process.ts';
import { type Body, type EventShown, type StoreNode, StoreWorld } from './store-world.ts';

const WAIT_MS = 15_000;
/** What an append may take at the most: its tries, and the last of them. */
const POLICY_MS = 30_000;
const WRITERS_PER_NODE = 4;
const RETRYABLE = new Set(['store_unavailable', 'timeout', 'overloaded']);

let world: StoreWorld;
/** Has `orders`. */
let holder: StoreNode;
let entry: StoreNode;
let other: StoreNode;

beforeAll(async () => {
  world = await StoreWorld.start([{ name: 'orders' }], [], []);
  [holder, entry, other] = world.nodes as [StoreNode, StoreNode, StoreNode];
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Appends one event after the other over the nodes that have no store; sends again, with the same id, what was refused. */
class Load {
  readonly acknowledged = new Map<string, number>();
  readonly sent = new Set<string>();
  readonly faults: string[] = [];
  refused = 0;
  slowestMs = 0;
  #isOver = false;
  readonly #runs: Promise<void>[];

  constructor(stream: string, nodes: readonly StoreNode[]) {
    this.#runs = nodes.flatMap((node) =>
      Array.from({ length: WRITERS_PER_NODE }, (_, i) =>
        this.#run(node, `${stream}-${node.node.number}-${i}`).catch(
          (error: Error) => void this.faults.push(String(error)),
        ),
      ),
    );
  }

  /** Until all that was sent is acknowledged. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#runs);
  }

  async #run(node: StoreNode, stream: string): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const id = randomUUID();
      this.sent.add(id);
      while (!(await this.#append(node, stream, { id, type: 't', data: n }))) await sleep(50);
    }
  }

  async #append(node: StoreNode, stream: string, event: { id: string; type: string; data: number }): Promise<boolean> {
    const begin = performance.now();
    const path = `/stores/orders/streams/${stream}/events`;
    const { status, body } = await node.ask('POST', path, { events: [event] }, AbortSignal.timeout(POLICY_MS));
    this.slowestMs = Math.max(this.slowestMs, performance.now() - begin);
    if (status === 200 || status === 201) {
      this.acknowledged.set(event.id, body.position);
      return true;
    }
    this.refused++;
    if (status !== 503 || !RETRYABLE.has(body.error.code)) this.faults.push(`${status} ${JSON.stringify(body)}`);
    return false;
  }

  /** @returns what is wrong with what the store has of it */
  check(events: readonly EventShown[]): string[] {
    const faults = [...this.faults];
    const seen = new Map<string, number>();
    for (const { id, position } of events) {
      if (seen.has(id)) faults.push(`${id} is there twice`);
      seen.set(id, position);
    }
    for (const [id, position] of this.acknowledged)
      if (seen.get(id) !== position) faults.push(`${id} was acknowledged at ${position}, and is at ${seen.get(id)}`);
    if (this.acknowledged.size !== this.sent.size) faults.push('not all is acknowledged');
    return faults;
  }
}

/** Pulls from a subscription on a node, and acknowledges, until it is stopped; errors that time mends are no faults. */
class Puller {
  readonly got: EventShown[] = [];
  readonly acknowledged = new Set<number>();
  readonly faults: string[] = [];
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;

  constructor(node: StoreNode, subscription: string, consumer: string) {
    this.#run = this.#pull(node, `/stores/orders/subscriptions/${subscription}`, consumer);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  async #pull(node: StoreNode, path: string, consumer: string): Promise<void> {
    const { signal } = this.#stop;
    const ask = async (method: string, body: object): Promise<Body | null> => {
      const reply = await node.ask('POST', `${path}/${method}`, { consumer, ...body }, signal).catch(() => null);
      if (reply === null || reply.status === 200) return reply?.body ?? null;
      if (reply.status !== 503 && reply.body.error.code !== 'consumer_not_found')
        this.faults.push(`${method}: ${reply.status} ${JSON.stringify(reply.body)}`);
      return null;
    };
    while (!signal.aborted) {
      const pulled = await ask('pull', { limit: 10, waitMs: 200 });
      if (pulled === null) await sleep(20);
      const events: EventShown[] = pulled?.events ?? [];
      this.got.push(...events);
      const positions = events.map(({ position }) => position);
      if (events.length > 0 && (await ask('ack', { positions })) !== null)
        for (const position of positions) this.acknowledged.add(position);
    }
  }
}

const subscriptionOf = (node: StoreNode, name: string): Promise<Body> =>
  node.done('GET', `/stores/orders/subscriptions/${name}`);

describe('when the node of a store is killed under appends from others', () => {
  it('keeps what was acknowledged, takes nothing twice, and consumers and readers elsewhere go on', async () => {
    await entry.done('POST', '/stores/orders/subscriptions', { name: 'all', selector: { kind: 'all' } });
    const puller = new Puller(other, 'all', 'puller');
    const follower = entry.follow('orders');
    const load = new Load('kill', [entry, other]);
    await until('there is load', WAIT_MS, () => load.acknowledged.size > 200);

    await holder.node.kill();
    for (const node of [entry, other]) {
      await until(
        `${node.node.number} knows`,
        WAIT_MS,
        async () => (await node.ask('GET', '/stores/orders')).status === 503,
      );
      expect(await node.ask('GET', '/stores/orders')).toMatchObject({
        status: 503,
        body: { error: { code: 'store_unavailable' } },
      });
      expect(await node.ask('GET', '/stores/nowhere')).toMatchObject({
        status: 404,
        body: { error: { code: 'store_not_found' } },
      });
      expect(await node.stores()).toMatchObject([{ name: 'orders', node: null, healthy: false }]);
    }
    const before = load.acknowledged.size;
    await holder.node.start();
    await until('appends go on', WAIT_MS, () => load.acknowledged.size > before + 200);
    await load.end();

    const events = await holder.events('orders');
    expect(load.check(events)).toEqual([]);
    expect(load.slowestMs).toBeLessThan(POLICY_MS);
    await until('the reader has all', WAIT_MS, () => follower.events.length >= events.length);
    expect(follower.events.map(({ position }) => position)).toEqual(events.map(({ position }) => position));
    await until('the consumer has all', WAIT_MS, async () => (await subscriptionOf(other, 'all')).lagEvents === 0);
    expect(new Set(puller.got.map(({ position }) => position)).size).toBe(events.length);
    await Promise.all([puller.stop(), follower.stop()]);
    expect([...puller.faults, ...follower.faults]).toEqual([]);
  }, 60_000);
});

describe('consumers', () => {
  it('go on elsewhere when their node is killed: nothing is lost, and the checkpoint stays', async () => {
    await entry.done('POST', '/stores/orders/subscriptions', {
      name: 'moves',
      selector: { kind: 'pattern', pattern: 'm-*' },
      ackTimeoutMs: 2000,
    });
    const load = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) await entry.append('orders', `m-${n % 5}`, n);
    };
    const [lost, stays] = [await other.mqtt(), await entry.mqtt()];
    // Has events in hand that it never answers.
    lost.client.handleMessage = () => {};
    for (const client of [lost, stays]) expect(await client.subscribe('$subscription/orders/moves')).toBe(1);
    await load(0, 50);
    await until('both have some', WAIT_MS, () => lost.packets.length > 0 && stays.packets.length > 0);
    const { checkpoint } = await subscriptionOf(holder, 'moves');
    await other.node.kill();
    await load(50, 100);
    await until('all is with the one that stays', WAIT_MS, () => new Set(stays.data()).size === 100);
    await until('all is acknowledged', WAIT_MS, async () => (await subscriptionOf(entry, 'moves')).lagEvents === 0);
    const after = await subscriptionOf(entry, 'moves');
    expect(after.checkpoint).toBeGreaterThan(checkpoint);
    expect(after.consumers).toBe(1);
    for (let s = 0; s < 5; s++) {
      const own = [...new Set(stays.data() as number[])].filter((n) => n % 5 === s);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
    await other.node.start();
    await world.whole(1);
    // One that comes to the node that was away begins where the others stand.
    stays.close();
    const back = await other.mqtt();
    expect(await back.subscribe('$subscription/orders/moves')).toBe(1);
    await entry.append('orders', 'm-0', 'last');
    await until('the last', WAIT_MS, () => back.packets.length > 0);
    expect(back.data()).toEqual(['last']);
    back.close();
  });

  it('and readers go on when their link dies', async () => {
    await entry.done('POST', '/stores/orders/subscriptions', {
      name: 'cut',
      selector: { kind: 'pattern', pattern: 'c-*' },
    });
    await entry.done('POST', '/stores/orders/subscriptions', {
      name: 'cut-mqtt',
      selector: { kind: 'pattern', pattern: 'c-*' },
    });
    const puller = new Puller(entry, 'cut', 'puller');
    // Is closed with each loss, and comes again.
    const client = await entry.mqtt({ reconnectPeriod: 20 });
    expect(await client.subscribe('$subscription/orders/cut-mqtt')).toBe(1);
    let closes = 0;
    client.client.on('close', () => closes++);
    const gone = new AbortController();
    const live = await entry.live('/stores/orders/events?from=now', gone.signal);
    const load = new Load('c', [entry]);
    for (let cut = 0; cut < 4; cut++) {
      const before = load.acknowledged.size;
      await until('there is load', WAIT_MS, () => load.acknowledged.size > before + 30);
      await entry.cutStoreLink(holder);
    }
    await load.end();
    const events = await holder.events('orders');
    expect(load.check(events)).toEqual([]);
    expect(load.refused).toBe(0);
    await until('the consumer has all', WAIT_MS, async () => (await subscriptionOf(entry, 'cut')).lagEvents === 0);
    const own = events.filter(({ stream }) => stream.startsWith('c-')).map(({ position }) => position);
    expect([...new Set(puller.got.map(({ position }) => position))].toSorted((a, b) => a - b)).toEqual(own);
    await until('the reader has all', WAIT_MS, () => live.events.length >= own.length);
    expect(live.events.map(({ position }) => position)).toEqual(own);
    await until('the client has all', WAIT_MS, async () => (await subscriptionOf(entry, 'cut-mqtt')).lagEvents === 0);
    expect([...new Set(client.positions())].toSorted((a, b) => a - b)).toEqual(own);
    expect(closes).toBeGreaterThan(0);
    client.close();
    expect([...live.faults, ...puller.faults]).toEqual([]);
    gone.abort();
    await Promise.all([puller.stop(), live.ended]);
  });
});
