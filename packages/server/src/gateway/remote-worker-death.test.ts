import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByteSink } from '../lib/byte-sink.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import { UuidV7 } from '../lib/uuid.ts';
import { FrameType } from '../peer/frame-types.ts';
import { writeAppend } from '../store/append-codec.ts';
import type { LocalStores } from './cluster-stores.ts';
import { STORES_GROUP, storeMember, workersGroup } from './store-directory.ts';
import { StoreHandle } from './store-handle.ts';
import { encodeRequest } from './store-messages.ts';
import { type Fields, MessageReader, sendMessage } from './store-wire.ts';
import { dieFile } from './testing/dying-writer.ts';
import { openEngine } from './testing/open-engine.ts';
import { StoreCluster, type TestNode } from './testing/store-cluster.ts';

const MODULES = {
  writer: new URL('testing/dying-writer.ts', import.meta.url).href,
  reader: new URL('reader-host.ts', import.meta.url).href,
};

/** Other tests may keep the machine busy. */
const POLL = { timeout: 10_000 };

let dir: string;
let cluster: StoreCluster;
let store: StoreHandle;
let b: TestNode;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-remote-death-'));
  cluster = new StoreCluster(dir);
  let facts: Record<string, unknown> | null = null;
  const { registry } = cluster;
  const group = workersGroup('default', 'orders');
  const open = await openEngine(join(dir, 'orders.db'), {
    store: 'orders',
    group,
    nodeId: 'b',
    registry,
    modules: MODULES,
    facts: () => facts,
  });
  const log = createLogger({ level: 'silent' });
  store = await StoreHandle.open({ name: 'orders', realm: 'default', engine: open.engine, clock: systemClock, log });
  expect(registry.members(group)).toEqual([]);
  facts = { store: store.id, joined: 1 };
  store.announce();
  await registry.join(STORES_GROUP, storeMember('b', 'default', 'orders', store.id, 1));
  const find = (name: string, realm: string | null): StoreHandle | null =>
    name === 'orders' && (realm === null || realm === 'default') ? store : null;
  const none = await cluster.add('none');
  const local: LocalStores = {
    list: () => [store],
    find,
    held: (name, realm) => find(name, realm) ?? (none.local.held(name, realm) as never),
  };
  b = cluster.join('b', local, async () => {
    await store.close();
    await open.close();
  });
});
afterEach(async () => {
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('when the writer of a store of another node dies', () => {
  it('after its commit, appends are there once and are answered', async () => {
    const a = await cluster.add('a');
    const far = a.stores.get('orders', 'default');
    await far.append({ writes: [{ stream: 's', events: [{ type: 't', data: 0 }] }] });
    writeFileSync(dieFile(store.status().file), '');
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        far.append({ writes: [{ stream: `s${n}`, events: [{ type: 't', data: n }] }] }),
      ),
    );
    expect(new Set(results.map(({ position }) => position)).size).toBe(20);
    expect(results.some(({ duplicate }) => duplicate)).toBe(true);
    const events: unknown[] = [];
    for await (const { stream } of far.events({})) events.push(stream);
    expect(events.sort()).toEqual(['s', ...Array.from({ length: 20 }, (_, n) => `s${n}`)].sort());
    expect((await far.status()).workers[0]).toMatchObject({ role: 'writer', restarts: 1 });
  });
});

describe('a node that does not keep to its own checks', () => {
  /** Sends a request as it is. @returns the answer */
  async function answerTo(request: Fields): Promise<Fields> {
    const answers: Fields[] = [];
    const reader = new MessageReader();
    cluster.links.pool('bad').open(
      'store',
      null as never,
      {
        onUp: () => {},
        onControl: (_link: unknown, type: number, buffer: Uint8Array, start: number, end: number) => {
          const received = reader.take(type, buffer, start, end);
          if (received !== null) answers.push(received.message);
        },
        onClosed: () => {},
      } as never,
    );
    const link = await cluster.links.pool('bad').getOrCreate('store', { peerId: b.id, addresses: [] });
    sendMessage(link, FrameType.Request, 1, request);
    await expect.poll(() => answers, POLL).toHaveLength(1);
    await turn();
    return answers[0]!;
  }
  const request = (more: object): Fields =>
    encodeRequest({
      op: 'read',
      realm: 'default',
      store: 'orders',
      uuid: store.id,
      name: 'storeInfo',
      value: {},
      bytes: null,
      ...more,
    });

  it('is refused another realm, another store of that name, and what is no operation', async () => {
    expect(await answerTo(request({}))).toMatchObject({ ok: true });
    for (const [more, code] of [
      [{ realm: 'plant' }, 'store_not_found'],
      [{ uuid: 'other' }, 'store_unavailable'],
      [{ name: 'constructor' }, 'bad_request'],
      [{ op: 'write', name: 'toString' }, 'bad_request'],
      [{ op: 'manage', name: 'start', value: [] }, 'bad_request'],
      [{ op: 'append', bytes: new Uint8Array(30) }, 'bad_request'],
      [{ op: 'attach', name: 'none', value: {} }, 'subscription_not_found'],
      [{ op: 'catchUp', value: { selector: null, from: 'start' } }, 'bad_request'],
      [{ op: 'no' }, 'bad_request'],
    ] as const) {
      const answer = await answerTo(request(more));
      expect(JSON.parse(answer.json as string), JSON.stringify(more)).toMatchObject({ code });
    }
    expect(await answerTo({ op: 'read' })).toMatchObject({ ok: false });
  });

  it('can append what nodes encode', async () => {
    const sink = new ByteSink(256);
    writeAppend(sink, { writes: [{ stream: 's', events: [{ type: 't' }] }] }, new UuidV7(() => 1));
    const answer = await answerTo(request({ op: 'append', bytes: sink.take() }));
    expect(JSON.parse(answer.json as string)).toMatchObject({ position: 0 });
  });
});
