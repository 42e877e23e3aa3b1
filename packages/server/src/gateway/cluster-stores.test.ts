import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import { decodePage } from '../store/page.ts';
import type { ReadRequest } from '../store/reads.ts';
import type { Store } from '../store/store.ts';
import { CALLER_LIMITS } from './store-caller.ts';
import { appendAll, StoreCluster } from './testing/store-cluster.ts';

/** Other tests may keep the machine busy. */
const POLL = { timeout: 10_000 };

let dir: string;
let cluster: StoreCluster;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-cluster-stores-'));
  cluster = new StoreCluster(dir);
});
afterEach(async () => {
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

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
  limit: 1000,
  maxBytes: 1024 * 1024,
  form: 'frames',
};

async function dataOf(store: Store): Promise<unknown[]> {
  const data: unknown[] = [];
  for await (const event of store.events({})) data.push(event.data);
  return data;
}

/** Nodes `a`, which has none, and `b`, which has `orders`. */
async function twoNodes() {
  const b = await cluster.add('b', { name: 'orders' });
  const a = await cluster.add('a');
  return { a, b, far: a.stores.get('orders', 'default'), near: b.stores.get('orders', 'default') };
}

describe('a store of another node', () => {
  it('is appended to and read as one of this node', async () => {
    const { far, near } = await twoNodes();
    const id = '0190A0B0-0000-7000-8000-00000000000F';
    const request = {
      writes: [{ stream: 's', expectedVersion: 'none', events: [{ id, type: 't', data: { n: 1 } }] }],
    } as const;
    expect(await far.append(request)).toMatchObject({ position: 0, versions: [0], duplicate: false });
    expect(await near.append(request)).toMatchObject({ position: 0, duplicate: true });
    expect(far.lastPosition).toBe(0);
    await appendAll(near, 's', { n: 2 });
    expect(await far.latest()).toBe(1);
    expect(await dataOf(far)).toEqual([{ n: 1 }, { n: 2 }]);
    const [event] = decodePage(await far.read('eventById', { id }));
    expect(event).toMatchObject({ id: id.toLowerCase(), stream: 's', version: 0, position: 0, type: 't' });
    expect(await far.status()).toMatchObject({ name: 'orders', healthy: true, lastPosition: 1 });
    const info = await far.read('storeInfo', {});
    expect(info).toEqual(await near.read('storeInfo', {}));
  });

  it('answers with the same errors', async () => {
    const { far } = await twoNodes();
    await appendAll(far, 's', 1);
    const conflict = () => far.append({ writes: [{ stream: 's', expectedVersion: 5, events: [{ type: 't' }] }] });
    expect(await errorOf(conflict)).toMatchObject({
      code: 'wrong_expected_version',
      details: { stream: 's', expected: 5, actual: 0 },
    });
    expect(await errorOf(() => far.read('streamInfo', { stream: 'none' }))).toMatchObject({ code: 'stream_not_found' });
    expect(await errorOf(() => far.append({ writes: [] }))).toMatchObject({ code: 'bad_request' });
    expect(await errorOf(() => far.read('nothing' as never, {} as never))).toMatchObject({ code: 'bad_request' });
  });

  it('keeps what callers write as it is', async () => {
    const { far } = await twoNodes();
    const data = JSON.parse('{"__proto__":{"a":1},"\\u0000":[1e300,-0.5,null,"\\ud83d\\ude00"]}');
    const bytes = Uint8Array.of(0, 255, 1);
    await far.append({
      writes: [
        {
          stream: 's',
          events: [
            { type: 't', data },
            { type: 'b', data: bytes },
          ],
        },
      ],
    });
    const events = decodePage(await far.read('readEvents', ALL));
    expect(JSON.stringify(events[0]!.data)).toBe(JSON.stringify(data));
    expect([...events[1]!.bytes]).toEqual([0, 255, 1]);
    await far.write('saveSnapshot', { stream: 's', version: 1, data, metadata: null });
    const snapshot = await far.read('loadSnapshot', { stream: 's', version: null });
    expect(JSON.stringify(snapshot.data)).toBe(JSON.stringify(data));
  });

  it('takes an append once, when the link breaks after it was done and before it was answered', async () => {
    const { far, near } = await twoNodes();
    await appendAll(far, 's', 0);
    let cuts = 0;
    cluster.links.passes = (from, _to, type) => {
      if (from !== 'b' || type !== FrameType.Answer || cuts++ > 0) return true;
      cluster.links.cut('a', 'b');
      setTimeout(() => cluster.links.resume('a', 'b'), 50);
      return false;
    };
    const result = await far.append({
      writes: [{ stream: 's', expectedVersion: 0, events: [{ type: 't', data: 1 }] }],
    });
    expect(result).toMatchObject({ position: 1, versions: [1], duplicate: true });
    expect(cuts).toBeGreaterThan(1);
    expect(await dataOf(near)).toEqual([0, 1]);
  });

  it('takes deletes and new subscriptions once, too', async () => {
    const { far } = await twoNodes();
    await appendAll(far, 's', 0);
    const cutOnce = (): void => {
      let cuts = 0;
      cluster.links.passes = (from, _to, type) => {
        if (from !== 'b' || type !== FrameType.Answer || cuts++ > 0) return true;
        cluster.links.cut('a', 'b');
        setTimeout(() => cluster.links.resume('a', 'b'), 20);
        return false;
      };
    };
    cutOnce();
    const removal = { stream: 's', expectedVersion: 0, tombstone: false } as const;
    expect(await far.write('deleteStream', removal)).toEqual({ version: 0 });
    cutOnce();
    const created = await far.subscriptions.create({ name: 'jobs', selector: { kind: 'all' } });
    expect(created.definition.name).toBe('jobs');
    cutOnce();
    await far.subscriptions.delete('jobs');
    cluster.links.passes = null;
    expect(await far.subscriptions.list()).toEqual([]);
  });

  it('is refused to other realms, at the entry and at the store', async () => {
    const { a, b } = await twoNodes();
    expect(await errorOf(() => a.stores.get('orders', 'plant'))).toMatchObject({ code: 'store_not_found' });
    expect(() => b.local.held('orders', 'plant')).toThrow(expect.objectContaining({ code: 'store_not_found' }));
    expect(a.stores.get('orders', null).realm).toBe('default');
  });

  it('is not found where nobody ever had it, and unavailable while nobody has it', async () => {
    const { a, b } = await twoNodes();
    expect(await errorOf(() => a.stores.get('none', 'default'))).toMatchObject({ code: 'store_not_found' });
    await b.stop();
    expect(await errorOf(() => a.stores.get('orders', 'default'))).toMatchObject({
      code: 'store_unavailable',
      retryable: true,
    });
    const again = await cluster.add('c', { name: 'orders' });
    await appendAll(a.stores.get('orders', 'default'), 's', 1);
    expect(await dataOf(again.local.held('orders', 'default'))).toEqual([1]);
  });

  it('answers requests that began while it was away', async () => {
    const { far } = await twoNodes();
    cluster.links.cut('a', 'b');
    const appended = far.append({ writes: [{ stream: 's', events: [{ type: 't', data: 1 }] }] });
    await new Promise((resolve) => setTimeout(resolve, 150));
    cluster.links.resume('a', 'b');
    expect(await appended).toMatchObject({ position: 0 });
  });

  it('refuses more requests than may be under way', async () => {
    const { far } = await twoNodes();
    await appendAll(far, 's', 0);
    const all = Array.from({ length: CALLER_LIMITS.pending + 10 }, () => far.read('streamInfo', { stream: 's' }));
    const results = await Promise.allSettled(all);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(10);
    expect(refused[0]!.reason).toMatchObject({ code: 'overloaded', details: { store: 'orders' } });
    await far.read('streamInfo', { stream: 's' });
  });

  it('sends large pages one ahead of a slow reader, and no more', async () => {
    const { far, near } = await twoNodes();
    const text = 'x'.repeat(100_000);
    for (let n = 0; n < 100; n++) await appendAll(near, 's', text);
    cluster.links.bytes = 0;
    const pages = far.pages({ ...ALL, maxBytes: 500_000 })[Symbol.asyncIterator]();
    const first = await pages.next();
    expect(first.value!.count).toBe(5);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // The first, the one ahead, and nothing else.
    expect(cluster.links.bytes).toBeLessThan(3 * 510_000);
    let count = first.value!.count;
    for (let next = await pages.next(); next.done !== true; next = await pages.next()) count += next.value.count;
    expect(count).toBe(100);
    const whole = await far.read('readEvents', { ...ALL, maxBytes: 4 * 1024 * 1024 });
    expect(decodePage(whole).map(({ position }) => position)).toEqual(Array.from({ length: whole.count }, (_, i) => i));
    expect(whole.bytes.length).toBeGreaterThan(4_000_000);
  });

  it('asks for no more large answers at once than may be in memory, and for small ones all the same', async () => {
    const { far, near } = await twoNodes();
    for (let n = 0; n < 20; n++) await appendAll(near, 's', 'x'.repeat(200_000));
    const page = { ...ALL, maxBytes: 4 * 1024 * 1024 };
    let asked = 0;
    const late: (() => void)[] = [];
    let isSmall = false;
    cluster.links.passes = (from, _to, type) => {
      if (from === 'a' && type === FrameType.Request) asked++;
      return true;
    };
    const read = near.read.bind(near);
    near.read = async (...args: Parameters<typeof read>) => {
      if (!isSmall) await new Promise<void>((resolve) => late.push(resolve));
      return read(...args);
    };
    const pages = Array.from({ length: 20 }, () => far.read('readEvents', page));
    await expect.poll(() => late.length, POLL).toBe(8);
    isSmall = true;
    await far.read('streamInfo', { stream: 's' });
    expect(asked).toBe(9);
    for (const go of late) go();
    expect((await Promise.all(pages)).map(({ count }) => count)).toEqual(Array(20).fill(20));
    expect(asked).toBe(21);
  });

  it('closes a link that brings no messages', async () => {
    const { a, far } = await twoNodes();
    await appendAll(far, 's', 1);
    const bad = [
      Uint8Array.of(),
      Uint8Array.of(0x80),
      Uint8Array.of(1),
      Uint8Array.of(1, 0, 0xff),
      Uint8Array.of(1, 0, 5),
    ];
    for (const [i, bytes] of bad.entries()) {
      const link = await cluster.links.pool('b').getOrCreate('store', { peerId: a.id, addresses: [] });
      link.control(FrameType.Request, bytes);
      await expect.poll(() => cluster.links.closed, POLL).toEqual(Array(i + 1).fill('bad_frame'));
    }
    await appendAll(far, 's', 2);
  });
});

describe('two stores of one name', () => {
  it('are a conflict, and the one that joined later is not served', async () => {
    const b = await cluster.add('b', { name: 'orders' });
    await appendAll(b.stores.get('orders', null), 's', 'first');
    await new Promise((resolve) => setTimeout(resolve, 5));
    const c = await cluster.add('c', { name: 'orders' });
    const a = await cluster.add('a');
    expect([a.stores.conflicts, b.stores.conflicts, c.stores.conflicts]).toEqual([1, 1, 1]);
    for (const node of [a, b, c]) expect(await dataOf(node.stores.get('orders', 'default'))).toEqual(['first']);
    const listing = await a.stores.listing();
    expect(listing).toMatchObject([
      { name: 'orders', nodeId: 'b', conflict: false, healthy: true, lastPosition: 0, events: 1 },
      { name: 'orders', nodeId: 'c', conflict: true, healthy: false },
    ]);
    expect(listing[0]!.id).not.toBe(listing[1]!.id);
    await b.stop();
    expect(a.stores.conflicts).toBe(0);
    expect(await dataOf(a.stores.get('orders', 'default'))).toEqual([]);
  });
});

describe('what goes on with a store that another of its name takes the place of', () => {
  it('does not go on with the other: nothing is appended or read there', async () => {
    const b = await cluster.add('b', { name: 'orders' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const c = await cluster.add('c', { name: 'orders' });
    const a = await cluster.add('a');
    const far = a.stores.get('orders', 'default');
    const refused = c.local.list()[0]!;
    expect([a, b, c].map(({ stores }) => stores.serves(refused))).toEqual([false, false, false]);
    expect(b.stores.serves(b.local.list()[0]!)).toBe(true);
    await appendAll(far, 's', 'first');
    await refused.append({ writes: [{ stream: 's', events: [{ type: 't' }, { type: 't' }, { type: 't' }] }] });
    const read: unknown[] = [];
    const reading = (async () => {
      for await (const { data } of far.catchUp({ selector: { kind: 'all' }, from: 0 })) read.push(data);
    })();
    await expect.poll(() => read, POLL).toEqual(['first']);
    // Nobody knows whether it is done when its node goes.
    cluster.links.passes = (from, _to, type) => from !== 'b' || type !== FrameType.Answer;
    const appended = errorOf(() => appendAll(far, 's', 'second'));
    const readingFailed = errorOf(() => reading);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await cluster.kill(b);
    expect(await appended).toMatchObject({ code: 'store_unavailable', retryable: true });
    expect(await readingFailed).toMatchObject({ code: 'store_unavailable', retryable: true });
    expect(read).toEqual(['first', 'second']);
    expect(a.stores.serves(refused)).toBe(true);
    expect(await dataOf(a.stores.get('orders', 'default'))).toEqual([null, null, null]);
    expect(a.stores.streams).toBe(0);
  });
});

describe('the listing', () => {
  it('has every store of the cluster, with its node, workers and position', async () => {
    const { a, b, far } = await twoNodes();
    await appendAll(far, 's', 1, 2);
    const c = await cluster.add('c', { name: 'sensors', realm: 'plant' });
    const { id } = await far.read('storeInfo', {});
    for (const node of [a, b, c]) {
      const listing = await node.stores.listing();
      expect(listing.map(({ realm, name, nodeId }) => [realm, name, nodeId])).toEqual([
        ['default', 'orders', 'b'],
        ['plant', 'sensors', 'c'],
      ]);
      expect(listing[0]).toMatchObject({ id, healthy: true, problem: null, lastPosition: 1, events: 2, streams: 1 });
      expect(listing[0]!.workers.map(({ id: worker, role }) => `${worker} ${role}`)).toEqual(
        expect.arrayContaining(['b/writer writer', 'b/reader 0 reader']),
      );
    }
    await b.stop();
    expect(await a.stores.listing()).toMatchObject([
      { name: 'orders', id, nodeId: null, healthy: false },
      { name: 'sensors', nodeId: 'c', healthy: true },
    ]);
  });
});
