import { encodeSubscribe } from '@plexus/protocol';
import { FanOut } from '../packages/server/test/load/fan-out.ts';
import { type NodeProcess, until } from '../packages/server/test/load/node-process.ts';
import { RawClient } from '../packages/server/test/load/raw-client.ts';

export interface StallContext {
  node: NodeProcess;
  port: number;
  /** Everything is built up: what is measured begins here. */
  begin(): Promise<void>;
}

export interface StallScenario {
  flags?: Record<string, string>;
  /** A number to know rather than a bar. */
  mayStall?: boolean;
  run(context: StallContext): Promise<{ result: string; met: boolean }>;
}

const MAX_SLOWDOWN = 1.3;
const FILTERS = 100_000;
const FILTERS_PER_CLIENT = 1000;
const RETAINED = 100_000;
const number = (value: number): string => Math.round(value).toLocaleString('en');
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** 10,000 of one length. */
const TOPICS = range(10_000).map((i) => `plant/area-${i % 10}/line/${String(i).padStart(5, '0')}/temperature`);

/** A filter with wildcards that shares as many levels with the topics as it can without matching. */
function nearMiss(i: number): string {
  switch (i % 4) {
    case 0:
      return `plant/+/line/+/sensor-${i}`;
    case 1:
      return `+/+/+/station-${i}/#`;
    case 2:
      return `plant/area-${i % 10}/+/station-${i}/+`;
    default:
      return `site-${i}/#`;
  }
}

async function subscribeMany(port: number, filters: readonly string[], name = 'many'): Promise<void> {
  for (let at = 0; at < filters.length; at += FILTERS_PER_CLIENT) {
    const client = await RawClient.connect(port, `${name}-${at}`);
    await client.subscribe(filters.slice(at, at + FILTERS_PER_CLIENT));
  }
}

/** Messages per second, and what one costs the node in processor time. */
async function measure(node: NodeProcess, fanOut: FanOut, ms: number): Promise<{ perSecond: number; cpuUs: number }> {
  await fanOut.run(1000);
  const [before, cpu, startedAt] = [fanOut.delivered, (await node.delay()).cpuMs, performance.now()];
  await fanOut.run(ms);
  const messages = fanOut.delivered - before;
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: messages / seconds, cpuUs: (((await node.delay()).cpuMs - cpu) * 1000) / messages };
}

async function retain(port: number): Promise<void> {
  const publisher = await RawClient.connect(port, 'retainer');
  for (let i = 0; i < RETAINED; i++) {
    publisher.publish(`retained/${i % 100}/${i}/value`, `value ${i}`, { retain: true, qos: 1 });
    if (i % 500 === 0) await until('acknowledgements', 30_000, () => publisher.acknowledged >= i - 500);
  }
  await until('all is retained', 30_000, () => publisher.acknowledged === RETAINED);
}

async function feed(port: number, clients: number): Promise<number> {
  const startedAt = performance.now();
  const subscribers = await Promise.all(range(clients).map((i) => RawClient.connect(port, `new-${i}`)));
  for (const subscriber of subscribers) void subscriber.subscribe('#');
  await until('all that is retained', 60_000, () => subscribers.every(({ messages }) => messages >= RETAINED));
  return performance.now() - startedAt;
}

export const SCENARIOS: Readonly<Record<string, StallScenario>> = {
  filters: {
    mayStall: true,
    async run({ node, port, begin }) {
      const fanOut = await FanOut.open(port, TOPICS, 'plant/#', 10);
      const without = await measure(node, fanOut, 3000);
      await subscribeMany(port, range(FILTERS).map(nearMiss));
      await begin();
      const withThem = await measure(node, fanOut, 3000);
      const slower = without.perSecond / withThem.perSecond;
      const dearer = withThem.cpuUs / without.cpuUs;
      const rates = `${number(without.perSecond)} → ${number(withThem.perSecond)} messages/s`;
      const costs = `${without.cpuUs.toFixed(1)} → ${withThem.cpuUs.toFixed(1)} µs each`;
      return { result: `1 → 10 over 10,000 topics: ${rates}, ${costs}`, met: Math.max(slower, dearer) <= MAX_SLOWDOWN };
    },
  },
  churn: {
    async run({ port, begin }) {
      await subscribeMany(port, range(20_000).map(nearMiss));
      const fanOut = await FanOut.open(port, TOPICS.slice(0, 1000), 'plant/#', 10);
      const clients = await Promise.all(range(20).map((i) => RawClient.connect(port, `churn-${i}`)));
      await begin();
      let changes = 0;
      let running = true;
      const churn = async (): Promise<void> => {
        const startedAt = performance.now();
        while (running) {
          const due = (performance.now() - startedAt) * 10;
          for (; changes < due; changes += 2) {
            const client = clients[(changes / 2) % clients.length]!;
            const filter = nearMiss(1_000_000 + changes);
            void client.subscribe(filter);
            client.unsubscribe(filter);
          }
          await pause(1);
        }
      };
      const churning = churn();
      await fanOut.run(5000, 20_000);
      running = false;
      await churning;
      const rate = `${number(changes / 5)} changes/s`;
      return { result: `${rate} under ${number(fanOut.delivered / 5)} messages/s 1 → 10`, met: changes >= 49_000 };
    },
  },
  retained: {
    async run({ port, begin }) {
      await retain(port);
      await begin();
      const ms = await feed(port, 1);
      return { result: `one new \`#\`, 100,000 retained, all there after ${number(ms)} ms`, met: true };
    },
  },
  'retained-10': {
    async run({ port, begin }) {
      await retain(port);
      await begin();
      const ms = await feed(port, 10);
      return { result: `ten at once, all there after ${number(ms)} ms`, met: true };
    },
  },
  'retained-walk': {
    async run({ port, begin }) {
      await retain(port);
      await begin();
      const client = await RawClient.connect(port, 'walker');
      for (let i = 0; i < 50; i++) await client.subscribe(`+/+/+/none-${i}`);
      await pause(2000);
      return { result: '50 filters that match none of 100,000 retained', met: true };
    },
  },
  storm: {
    async run({ port, begin }) {
      await begin();
      let opened = 0;
      const startedAt = performance.now();
      const attempts: Promise<void>[] = [];
      while (opened < 10_000) {
        for (const due = (performance.now() - startedAt) * 2; opened < Math.min(10_000, due); opened++) {
          const attempt = RawClient.connect(port, `storm-${opened}`).then((client) => {
            setTimeout(() => client.vanish(), 500);
          });
          attempts.push(attempt);
        }
        await pause(2);
      }
      await Promise.all(attempts);
      const perSecond = (opened / (performance.now() - startedAt)) * 1000;
      return { result: `${number(perSecond)} connects/s for 5 s, all accepted`, met: true };
    },
  },
  doubling: {
    async run({ node, port, begin }) {
      // Every filter of twelve levels out of `a` and `+`, each with a last level that nobody publishes on: a walk of 2^13 nodes
      // for one topic, which finds nothing.
      const levels = 12;
      const spell = (i: number): string =>
        range(levels)
          .map((bit) => ((i >> bit) & 1 ? '+' : 'a'))
          .join('/');
      await subscribeMany(
        port,
        range(2 ** levels).map((i) => `${spell(i)}/x`),
      );
      const [publisher, changer] = [await RawClient.connect(port, 'p'), await RawClient.connect(port, 'c')];
      await begin();
      const cpu = (await node.delay()).cpuMs;
      for (let i = 0; i < 1000; i++) {
        // Each change makes the route unknown again.
        void changer.subscribe(`+/${i % 100}`);
        publisher.publish(`${spell(0)}/y`, 'x');
        if (i % 2 === 0) await pause(1);
      }
      await pause(500);
      const each = ((await node.delay()).cpuMs - cpu) / 1000;
      return {
        result: `4,096 filters of \`a\` and \`+\`, a walk of 8,192 nodes: ${each.toFixed(2)} ms each`,
        met: true,
      };
    },
  },
  'large-subscribe': {
    async run({ port, begin }) {
      const count = 10_000;
      const client = await RawClient.connect(port, 'large');
      await client.subscribe(range(1000).map((i) => `f/${i}`));
      const requests = range(count).map((i) => ({
        filter: `f/${i % 1000}`,
        qos: 0 as const,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0 as const,
      }));
      const packet = encodeSubscribe(5, { packetId: 9, requests, properties: {} });
      await begin();
      for (let i = 0; i < 10; i++) {
        client.send(packet);
        await pause(100);
      }
      return { result: `ten SUBSCRIBE packets of ${number(count)} filters each`, met: !client.closed };
    },
  },
};
