import { type Job, quantile } from '../../rows/job.ts';
import { newEvent, paced, sleep } from '../load.ts';
import { ownNode } from '../own-node.ts';

/** From the call of append to a consumer of a persistent subscription in this process. */
export const live: Job = async ({ directory, measureMs, parameters }) => {
  await using own = await ownNode(directory);
  const { store } = own;
  await store.subscriptions.create({
    name: 'all',
    selector: { kind: 'all' },
    from: 'now',
    window: 10_000,
    queueSize: 10_000,
  });
  const sentAt: number[] = [];
  const times: number[] = [];
  let received = 0;
  const consumer = await store.subscriptions.attach(
    'all',
    { name: 'bench' },
    {
      deliver(event) {
        const n = Number(event.correlationId);
        const now = performance.now();
        received++;
        if (n > sentAt.length / 4) times.push(now - sentAt[n]!);
        consumer.ack(event.position);
      },
      end: () => {},
    },
  );
  const failures: unknown[] = [];
  await paced(parameters.ratePerSecond!, measureMs, (n) => {
    sentAt.push(performance.now());
    const event = { ...newEvent(n), correlationId: `${n}` };
    store
      .append({ writes: [{ stream: `stream-${n % 1000}`, events: [event] }] })
      .catch((error) => failures.push(error));
  });
  await sleep(500);
  if (failures.length > 0) throw failures[0];
  if (received !== sentAt.length) throw new Error(`${received} of ${sentAt.length} events were delivered`);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
};

const KINDS = 5;

/** Many persistent subscriptions with different selectors; each event matches some of them. */
export const manySubscriptions: Job = async ({ directory, measureMs, parameters }) => {
  await using own = await ownNode(directory);
  const { store } = own;
  const count = parameters.subscriptions!;
  let delivered = 0;
  const name = (i: number): string => `subscription-${i}`;
  for (let i = 0; i < count; i++) {
    const selector = [
      { kind: 'stream', stream: `stream-${i}` } as const,
      { kind: 'type', types: [`type-${i}`] } as const,
      { kind: 'pattern', pattern: `stream-${i}*` } as const,
      { kind: 'tags', match: 'all', tags: [`tag-${i}`] } as const,
      { kind: 'payload', where: { path: '$.n', op: 'eq', value: i } } as const,
    ][i % KINDS]!;
    await store.subscriptions.create({ name: name(i), selector, from: 'now' });
    const consumer = await store.subscriptions.attach(
      name(i),
      { name: 'bench' },
      {
        deliver(event) {
          delivered++;
          consumer.ack(event.position);
        },
        end: () => {},
      },
    );
  }
  const failures: unknown[] = [];
  let sent = 0;
  let wanted = 0;
  await paced(parameters.ratePerSecond!, measureMs, (n) => {
    sent++;
    const i = n % count;
    wanted += matches(i, count);
    const event = { type: `type-${i}`, data: { n: i, text: 'x'.repeat(180) }, tags: [`tag-${i}`] };
    store.append({ writes: [{ stream: `stream-${i}`, events: [event] }] }).catch((error) => failures.push(error));
  });
  const ended = performance.now();
  while (delivered < wanted && performance.now() - ended < 10_000) await sleep(5);
  if (failures.length > 0) throw failures[0];
  if (delivered !== wanted) throw new Error(`${delivered} of ${wanted} deliveries were made`);
  return { behindMs: performance.now() - ended, perSecond: (sent * 1000) / measureMs, deliveries: delivered };
};

/** How many of the subscriptions match the event of subscription `i`: its own, and the patterns that are its beginning. */
function matches(i: number, count: number): number {
  const text = `${i}`;
  let matched = i % KINDS === 2 ? 0 : 1;
  for (let length = 1; length <= text.length; length++) {
    const prefix = Number(text.slice(0, length));
    if (`${prefix}` === text.slice(0, length) && prefix < count && prefix % KINDS === 2) matched++;
  }
  return matched;
}
