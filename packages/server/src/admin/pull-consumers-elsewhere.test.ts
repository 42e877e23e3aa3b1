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
