import { existsSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFile } from '../lib/sqlite/file-lock.ts';
import type { ReadRequest } from '../store/reads.ts';
import type { LocalStore, Store } from '../store/store.ts';
import { LocalWorkerRegistry } from './local-worker-registry.ts';
import { storeFile } from './store-file.ts';
import type { NodeStores } from './stores.ts';
import { makeStores } from './testing/open-stores.ts';

let dir: string;
const started: NodeStores[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-stores-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((stores) => stores.stop()));
  rmSync(dir, { recursive: true, force: true });
});

async function start(...list: unknown[]): Promise<NodeStores> {
  const stores = makeStores(dir, list);
  started.push(stores);
  await stores.start();
  return stores;
}

async function openStore(): Promise<LocalStore> {
  return (await start({ name: 'orders' })).get('orders', null);
}

const append = (store: Store, count: number, stream = 's'): Promise<unknown> =>
  Promise.all(
    Array.from({ length: count }, (_, n) =>
      store.append({ writes: [{ stream, events: [{ type: 't', data: { n } }] }] }),
    ),
  );

const errorOf = (run: () => unknown): Promise<PlexusError> =>
  (async () => run())().then(
    () => {
      throw new Error('it succeeded');
    },
    (error: PlexusError) => error,
  );

const ALL: ReadRequest = {
  stream: null,
  filter: {},
  direction: 'forwards',
  from: null,
  limit: 10,
  maxBytes: 1024 * 1024,
  form: 'frames',
};

describe('stores of a node', () => {
  it('are found by name, in their realm only', async () => {
    const stores = await start({ name: 'a' }, { name: 'b', realm: 'plant' });
    expect(stores.list().map(({ name, realm }) => [name, realm])).toEqual([
      ['a', 'default'],
      ['b', 'plant'],
    ]);
    expect(stores.get('b', 'plant').name).toBe('b');
    expect(stores.get('b', null).realm).toBe('plant');
    for (const [name, realm] of [
      ['b', 'default'],
      ['c', null],
    ] as const) {
      expect(await errorOf(() => stores.get(name, realm))).toMatchObject({
        code: 'store_not_found',
        details: { store: name },
      });
    }
  });

  it('keep what was appended, and are well', async () => {
    const store = await openStore();
    await append(store, 25);
    expect(store.lastPosition).toBe(24);
    expect(store.status()).toMatchObject({
      name: 'orders',
      realm: 'default',
      healthy: true,
      problem: null,
      lastPosition: 24,
    });
    await started.pop()!.drain(new AbortController().signal);
    const again = await openStore();
    expect(again.lastPosition).toBe(24);
    const numbers: unknown[] = [];
    for await (const event of again.events({ stream: 's' })) numbers.push((event.data as { n: number }).n);
    expect(numbers).toEqual(Array.from({ length: 25 }, (_, n) => n));
  });

  it('close their files, with nothing but them left behind', async () => {
    const store = await openStore();
    await append(store, 10);
    const { file } = store.status();
    await started.pop()!.stop();
    for (const suffix of ['-wal', '-shm', '.lock']) expect(existsSync(file + suffix), suffix).toBe(false);
    expect((await errorOf(() => store.append({ writes: [{ stream: 's', events: [{ type: 't' }] }] }))).code).toBe(
      'shutting_down',
    );
  });

  it('are refused while another has the file, and leave no other open', async () => {
    const file = storeFile(dir, 'default', 'b');
    await (await start({ name: 'b' })).stop();
    const lock = lockFile(file);
    expect(await errorOf(() => start({ name: 'a' }, { name: 'b' }))).toMatchObject({
      code: 'store_locked',
      details: { file, pid: process.pid },
    });
    lock.release();
    await start({ name: 'a' }, { name: 'b' });
  });

  it('are refused when the file is damaged or has lost what was acknowledged', async () => {
    const store = await openStore();
    await append(store, 200);
    const { file } = store.status();
    await started.pop()!.stop();
    const size = statSync(file).size;
    truncateSync(file, size - 4096);
    expect(await errorOf(openStore)).toMatchObject({ code: 'store_damaged', details: { file } });
    truncateSync(file, 0);
    const lost = await errorOf(openStore);
    expect(lost.code).toBe('store_damaged');
    expect(lost.message).toMatch(/events up to 199 were acknowledged/);
    rmSync(file);
    expect((await errorOf(openStore)).message).toContain(`${file}.mark`);
    rmSync(`${file}.mark`);
    expect((await openStore()).lastPosition).toBe(-1);
  });

  it('share the threads of the node', async () => {
    const registry = new LocalWorkerRegistry();
    const stores = makeStores(
      dir,
      ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, readers: 2 })),
      { threads: 2, registry },
    );
    started.push(stores);
    await stores.start();
    await Promise.all(stores.list().map((store) => append(store, 20)));
    expect(stores.list().map(({ lastPosition }) => lastPosition)).toEqual([19, 19, 19, 19, 19]);
    expect(
      registry
        .members('store:default/c')
        .map(({ metadata }) => metadata.role)
        .sort(),
    ).toEqual(['reader', 'reader', 'writer']);
  });
});

describe('a read', () => {
  it('comes in pages, and ends when the signal or the caller says so', async () => {
    const store = await openStore();
    await append(store, 35);
    const counts: number[] = [];
    for await (const page of store.pages(ALL)) counts.push(page.count);
    expect(counts).toEqual([10, 10, 10, 5]);
    const abort = new AbortController();
    let seen = 0;
    for await (const _event of store.events({ limit: 10 }, abort.signal)) if (++seen === 10) abort.abort();
    expect(seen).toBe(10);
    for await (const page of store.pages(ALL)) {
      expect(page.next).toBe(10);
      break;
    }
  });

  it('backwards begins at the end', async () => {
    const store = await openStore();
    await append(store, 12);
    const positions: number[] = [];
    for await (const { position } of store.events({ direction: 'backwards', limit: 5 })) positions.push(position);
    expect(positions).toEqual(Array.from({ length: 12 }, (_, i) => 11 - i));
  });

  it('of an empty store is an empty page, as often as it is asked for', async () => {
    const store = await openStore();
    for (let i = 0; i < 3; i++) {
      const page = await store.read('readEvents', ALL);
      expect(page).toMatchObject({ count: 0, next: null, lastPosition: -1 });
      expect(page.bytes).toHaveLength(0);
    }
  });

  it('fails where there is nothing to read', async () => {
    const store = await openStore();
    const read = async (): Promise<void> => {
      for await (const _page of store.pages({ ...ALL, stream: 'none' }));
    };
    expect(await errorOf(read)).toMatchObject({ code: 'stream_not_found' });
  });
});

describe('subscriptions', () => {
  it('go on after a restart from where they were', async () => {
    const store = await openStore();
    await append(store, 10);
    await store.subscriptions.create({ name: 'all', selector: { kind: 'all' } });
    const heard: number[] = [];
    const consume = (of: LocalStore, until: number): Promise<void> =>
      new Promise((resolve) => {
        const consumer = of.subscriptions.attach(
          'all',
          { name: 'c' },
          {
            deliver: ({ position }) => {
              heard.push(position);
              queueMicrotask(() => {
                consumer.ack(position);
                if (position === until) resolve();
              });
            },
            end: () => {},
          },
        );
      });
    await consume(store, 9);
    await started.pop()!.stop();
    const again = await openStore();
    await append(again, 5);
    await consume(again, 14);
    expect(heard).toEqual(Array.from({ length: 15 }, (_, i) => i));
  });

  it('hear of commits live, in order', async () => {
    const store = await openStore();
    const heard: number[] = [];
    const stop = store.onCommitted((events) => heard.push(...events.map(({ position }) => position)));
    await append(store, 300);
    expect(heard).toEqual(Array.from({ length: 300 }, (_, i) => i));
    stop();
    await append(store, 1);
    expect(heard).toHaveLength(300);
  });
});
