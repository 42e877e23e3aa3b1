import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { StoreStatus } from '../store/store.ts';
import type { Consumer, ConsumerSink } from '../store/subscription.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { TestStore, testStores } from '../testing/test-store.ts';
import type { Admin } from './server.ts';

const SILENT: ConsumerSink = { deliver() {}, end() {} };
const WINDOW = 4;
const QUEUE_SIZE = 10;

/** A store with three threads, of which two had to be started again. */
class BusyStore extends TestStore {
  override status(): StoreStatus {
    return {
      ...super.status(),
      writerQueueBytes: 77,
      workers: [
        { id: 'writer', role: 'writer', restarts: 2 },
        { id: 'reader 0', role: 'reader', restarts: 0 },
        { id: 'reader 1', role: 'reader', restarts: 3 },
      ],
    };
  }
}

let clock: FakeClock;
let store: TestStore;
let admin: Admin;

beforeEach(async () => {
  clock = new FakeClock();
  store = new BusyStore('orders', 'default', new MemoryEngine({ wallMs: () => clock.wallMs() }), clock);
  await store.service.start();
  admin = await testAdmin(testStores(store), [], clock);
});
afterEach(async () => {
  const stopped = Promise.all([admin.stop(), store.stop()]);
  await rest();
  await stopped;
});

/** Until everything that follows from one step is over, at this moment of the clock. */
async function rest(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    clock.advance(0);
    await turn();
  }
}

async function append(stream: string, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => ({ type: 't', data: i }));
  await store.append({ writes: [{ stream, events }] });
  await rest();
}

/** Lines of `/metrics` about stores: the samples, and what kind each metric is. */
async function metrics(): Promise<{ samples: string[]; kinds: string[] }> {
  const { body } = await admin.inject('/metrics');
  const lines = body.split('\n').filter((line) => line.includes('plexus_store_'));
  const ofKind = '# TYPE ';
  return {
    samples: lines.filter((line) => !line.startsWith('#')).sort(),
    kinds: lines.filter((line) => line.startsWith(ofKind)).map((line) => line.slice(ofKind.length)),
  };
}

/**
 * Makes every number of a subscription another one, as far as they can differ.
 * @returns a consumer that has `WINDOW` events in hand
 */
async function workOn(subscription: string): Promise<Consumer> {
  await store.subscriptions.create({
    name: subscription,
    selector: { kind: 'all' },
    strategy: 'single',
    window: WINDOW,
    queueSize: QUEUE_SIZE,
    whenFull: 'drop_newest',
  });
  const consumer = store.subscriptions.attach(subscription, { name: 'me' }, SILENT);
  await append('a', WINDOW);
  clock.advance(2000);
  // They fill the queue, which is what the warning is about, and five more find no room.
  await append('b', QUEUE_SIZE + 5);
  for (const position of [0, 1, 2]) consumer.ack(position);
  for (const position of [4, 5]) consumer.nack(position, 'park', 'no');
  for (let i = 0; i < 6; i++) consumer.nack(3, 'retry', 'later');
  await rest();
  clock.advance(5000);
  await rest();
  return consumer;
}

/** A catch-up reader that takes one event and no more, until its queue has filled up once. */
async function fallBehind(): Promise<AsyncIterator<unknown>> {
  const reader = store.catchUp({ selector: { kind: 'all' }, from: 'now', queueSize: 4 })[Symbol.asyncIterator]();
  const first = reader.next();
  await rest();
  await append('c', 8);
  await first;
  return reader;
}

describe('metrics of stores', () => {
  it('are these, and count what happened', async () => {
    await workOn('jobs');
    for await (const _ of store.events({})) await null;
    const { bytes } = await store.read('storeInfo', {});
    expect(bytes).toBeGreaterThan(0);
    const ofStore = {
      healthy: 1,
      last_position: 18,
      queue_bytes: 77,
      workers: 3,
      worker_restarts: 5,
      catch_up_warnings_total: 0,
    };
    const ofFile = { events: 19, streams: 2, bytes };
    const ofSubscription = {
      // Position 3 is the first that is not done; it came 7 s ago.
      lag_events: 16,
      lag_seconds: 7,
      in_flight: 4,
      parked: 2,
      consumers: 1,
      running: 1,
      // The first four, one for each of the five that were done, and the repeats.
      delivered_total: 4 + 5 + 6,
      acknowledged_total: 3,
      retried_total: 6,
      parked_total: 2,
      dropped_total: 5,
      warnings_total: 1,
    };
    const expected = [
      ...Object.entries({ ...ofStore, ...ofFile }).map(([name, value]) => `${name}{store="orders"} ${value}`),
      ...Object.entries(ofSubscription).map(
        ([name, value]) => `subscription_${name}{store="orders",subscription="jobs"} ${value}`,
      ),
    ];
    const { samples, kinds } = await metrics();
    expect(samples).toEqual(expected.map((line) => `plexus_store_${line}`).sort());
    // What only grows says so, so that a rate of it is right after a restart.
    for (const kind of kinds) expect(kind).toMatch(/_total counter$|(?<!_total) gauge$/);
    expect(kinds).toHaveLength(expected.length);
  });

  it('are the same however often they are read, and go with their subscription', async () => {
    await workOn('jobs');
    const first = await metrics();
    expect(await metrics()).toEqual(first);
    const deleted = store.subscriptions.delete('jobs');
    await rest();
    await deleted;
    const { samples } = await metrics();
    expect(samples).toEqual(first.samples.filter((line) => !line.includes('subscription=')));
  });

  it('count the catch-up readers that fell behind, after they are gone too', async () => {
    const readers = [await fallBehind(), await fallBehind()];
    const line = 'plexus_store_catch_up_warnings_total{store="orders"} 2';
    expect((await metrics()).samples).toContain(line);
    for (const reader of readers) await reader.return!();
    expect((await metrics()).samples).toContain(line);
  });

  it('say of a subscription that nobody works on how far and how long it is behind', async () => {
    const consumer = await workOn('jobs');
    consumer.close();
    await rest();
    clock.advance(3000);
    await store.subscriptions.pause('jobs');
    const { samples } = await metrics();
    for (const row of ['consumers 0', 'in_flight 0', 'running 0', 'lag_events 16', 'lag_seconds 10']) {
      const [name, value] = row.split(' ');
      expect(samples).toContain(`plexus_store_subscription_${name}{store="orders",subscription="jobs"} ${value}`);
    }
  });
});
