import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendAll, StoreCluster } from '../gateway/testing/store-cluster.ts';
import { systemClock } from '../lib/clock.ts';
import { PullConsumers, type PullKey } from './pull-consumers.ts';

/** Other tests may keep the machine busy. */
const POLL = { timeout: 10_000 };

let dir: string;
let cluster: StoreCluster;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-pull-'));
  cluster = new StoreCluster(dir);
});
afterEach(async () => {
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('pulling from a subscription of a store on another node', () => {
  it('goes on when the link breaks: what was not acknowledged comes again, and nothing is lost', async () => {
    await cluster.add('b', { name: 'orders' });
    const a = await cluster.add('a');
    const store = a.stores.get('orders', 'default');
    await store.subscriptions.create({ name: 'jobs', selector: { kind: 'all' } });
    await appendAll(store, 's', 0, 1, 2, 3);
    const consumers = new PullConsumers(systemClock);
    const key: PullKey = { store, subscription: 'jobs', consumer: 'me' };
    const positions = async (limit: number): Promise<number[]> =>
      (await consumers.pull(key, limit, 3000, new AbortController().signal)).map(({ event }) => event.position);
    const pullUntil = async (seen: Set<number>, size: number): Promise<number[]> => {
      while (seen.size < size) for (const position of await positions(10)) seen.add(position);
      return [...seen].sort();
    };
    expect(await positions(1)).toEqual([0]);
    await consumers.ack(key, [0]);
    await expect.poll(async () => (await store.subscriptions.get('jobs')).checkpoint, POLL).toBe(0);
    expect(await positions(1)).toEqual([1]);
    cluster.links.cut('a', 'b');
    setTimeout(() => cluster.links.resume('a', 'b'), 50);
    expect(await pullUntil(new Set(), 3)).toEqual([1, 2, 3]);
    await consumers.ack(key, [1, 2, 3]);
    await expect.poll(async () => (await store.subscriptions.get('jobs')).checkpoint, POLL).toBe(3);
    await consumers.leave(key);
    await expect.poll(async () => (await store.subscriptions.get('jobs')).consumers, POLL).toBe(0);
  });

  it('gives all that is there, up to the limit, in one answer, and holds no more', async () => {
    const b = await cluster.add('b', { name: 'orders' });
    const a = await cluster.add('a');
    const store = a.stores.get('orders', 'default');
    await store.subscriptions.create({ name: 'jobs', selector: { kind: 'all' } });
    await appendAll(b.stores.get('orders', 'default'), 's', ...Array.from({ length: 60 }, (_, i) => i));
    const consumers = new PullConsumers(systemClock);
    const keyOf = (consumer: string): PullKey => ({ store, subscription: 'jobs', consumer });
    const pull = async (consumer: string, limit: number): Promise<unknown[]> => {
      const deliveries = await consumers.pull(keyOf(consumer), limit, 3000, new AbortController().signal);
      const positions = deliveries.map(({ event }) => event.position);
      await consumers.ack(keyOf(consumer), positions);
      return deliveries.filter(({ attempt }) => attempt === 1).map(({ event }) => event.data);
    };
    const upTo = (begin: number, end: number) => Array.from({ length: end - begin }, (_, i) => begin + i);
    expect(await pull('one', 3)).toEqual(upTo(0, 3));
    expect(await pull('one', 40)).toEqual(upTo(3, 43));
    // What was not for the first one never was in its hands.
    await consumers.leave(keyOf('one'));
    expect(await pull('two', 100)).toEqual(upTo(43, 60));
    consumers.drain();
  });

  it('fails with what the other node says', async () => {
    await cluster.add('b', { name: 'orders' });
    const a = await cluster.add('a');
    const consumers = new PullConsumers(systemClock);
    const key: PullKey = { store: a.stores.get('orders', 'default'), subscription: 'none', consumer: 'me' };
    const code = ({ code: it }: PlexusError): string => it;
    const pull = consumers.pull(key, 1, 1000, new AbortController().signal);
    expect(await pull.then(() => 'none', code)).toBe('subscription_not_found');
    expect(consumers.size).toBe(0);
    expect(await consumers.ack(key, [0]).then(() => 'none', code)).toBe('subscription_not_found');
  });
});
