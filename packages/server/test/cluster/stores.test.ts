import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep, until } from '../store/store-process.ts';
import { PLANT_USER, type StoreNode, StoreWorld } from './store-world.ts';

const WAIT_MS = 10_000;
const MIB = 1024 * 1024;

let world: StoreWorld;
/** Has `orders`, and `sensors` in realm `plant`. */
let holder: StoreNode;
/** Has `audit`. */
let other: StoreNode;
/** Has none. */
let entry: StoreNode;

beforeAll(async () => {
  const first = [{ name: 'orders' }, { name: 'sensors', realm: 'plant' }, { name: 'twins' }];
  world = await StoreWorld.start(first, [{ name: 'audit' }, { name: 'twins' }], []);
  [holder, other, entry] = world.nodes as [StoreNode, StoreNode, StoreNode];
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe('a store, from a node that does not have it', () => {
  it('is appended to and read over HTTP, with the same errors', async () => {
    const first = await entry.append('orders', 'o/1', 1, 2, 3);
    expect(first).toMatchObject({ version: 2, duplicate: false });
    const again = { expectedVersion: 7, events: [{ type: 'placed' }] };
    expect(await entry.ask('POST', '/stores/orders/streams/o%2F1/events', again)).toMatchObject({
      status: 409,
      body: { error: { code: 'wrong_expected_version', expected: 7, actual: 2 } },
    });
    for (const node of world.nodes) {
      const { events } = await node.done('GET', '/stores/orders/streams/o%2F1/events');
      expect(events.map(({ data }: { data: unknown }) => data)).toEqual([1, 2, 3]);
    }
    expect(await entry.ask('GET', '/stores/orders/streams/none')).toMatchObject({
      status: 404,
      body: { error: { code: 'stream_not_found' } },
    });
    expect(await entry.ask('GET', '/stores/nowhere')).toMatchObject({
      status: 404,
      body: { error: { code: 'store_not_found' } },
    });
    const [{ id }] = (await entry.done('GET', '/stores/orders/streams/o%2F1/events')).events;
    const retry = { events: [{ id, type: 'placed', data: 1 }] };
    const twice = await entry.ask('POST', '/stores/orders/streams/x/events', retry);
    expect(twice.status).toBe(409);
  });

  it('keeps snapshots, tells causes, counts and lists', async () => {
    const ids = [1, 2, 3].map((n) => `0190a0b0-0000-7000-8000-00000000000${n}`);
    for (const [i, id] of ids.entries()) {
      const event = { id, type: 'step', tags: ['t'], data: i, ...(i > 0 && { causationId: ids[i - 1] }) };
      await entry.done('POST', `/stores/orders/streams/cause-${i}/events`, { events: [event] });
    }
    const causes = await entry.done('GET', `/stores/orders/causation/${ids[1]}?what=graph`);
    expect(causes).toEqual(await holder.done('GET', `/stores/orders/causation/${ids[1]}?what=graph`));
    expect(JSON.stringify(causes)).toContain(ids[2]);
    await entry.done('PUT', '/stores/orders/snapshots/cause-0', { version: 0, data: { sum: 5 } });
    expect(await other.done('GET', '/stores/orders/snapshots/cause-0')).toMatchObject({ data: { sum: 5 } });
    for (const path of [
      '',
      '/types',
      '/tags',
      '/streams',
      '/streams/cause-0',
      '/streams/cause-0/version?at=2100-01-01T00:00:00Z',
    ]) {
      const near = await holder.ask('GET', `/stores/orders${path}`);
      expect(near.status, path).toBe(200);
      expect(await entry.ask('GET', `/stores/orders${path}`), path).toEqual(near);
    }
    expect(await entry.done('POST', '/stores/orders/verify')).toMatchObject({ faults: [] });
    await entry.done('DELETE', '/stores/orders/streams/cause-2');
    expect((await holder.ask('GET', '/stores/orders/streams/cause-2/events')).status).toBe(404);
  });

  it('is caught up with, and followed live', async () => {
    await entry.append('audit', 'a', 'before');
    const gone = new AbortController();
    const { events, ended } = await entry.live('/stores/audit/events?from=0', gone.signal);
    await until('what was there', WAIT_MS, () => events.length === 1);
    const late = Array.from({ length: 50 }, (_, i) => `live ${i}`);
    for (const data of late) await holder.append('audit', 'a', data);
    await until('what came', WAIT_MS, () => events.length === 51);
    expect(events.map(({ data }) => data)).toEqual(['before', ...late]);
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 51 }, (_, i) => i));
    gone.abort();
    await ended;
  });

  it('has persistent subscriptions over HTTP', async () => {
    await entry.done('POST', '/stores/orders/subscriptions', {
      name: 'pulled',
      selector: { kind: 'pattern', pattern: 'p-*' },
    });
    await other.append('orders', 'p-1', 'a', 'b', 'c');
    const pull = (consumer: string, limit: number) =>
      entry.done('POST', '/stores/orders/subscriptions/pulled/pull', { consumer, limit, waitMs: 5000 });
    const { events } = await pull('one', 2);
    expect(events.map(({ data, attempt }: { data: unknown; attempt: number }) => [data, attempt])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    const positions = events.map(({ position }: { position: number }) => position);
    await entry.done('POST', '/stores/orders/subscriptions/pulled/ack', { consumer: 'one', positions: [positions[0]] });
    await entry.done('POST', '/stores/orders/subscriptions/pulled/nack', {
      consumer: 'one',
      positions: [positions[1]],
      action: 'park',
      reason: 'no',
    });
    await until(
      'it is parked',
      WAIT_MS,
      async () => (await other.done('GET', '/stores/orders/subscriptions/pulled')).parked === 1,
    );
    const parked = await entry.done('GET', '/stores/orders/subscriptions/pulled/parked');
    expect(parked).toEqual(await holder.done('GET', '/stores/orders/subscriptions/pulled/parked'));
    expect(JSON.stringify(parked)).toContain('"b"');
    await entry.done('DELETE', '/stores/orders/subscriptions/pulled');
    expect((await holder.ask('GET', '/stores/orders/subscriptions/pulled')).status).toBe(404);
  });

  it('is used by the command line', async () => {
    const appended = await entry.cli(['append', 'typed', '--store', 'orders', '--type', 'said', '--data', '"hello"']);
    expect(appended, appended.err).toMatchObject({ code: 0, err: '' });
    const [read, stats, missing] = await Promise.all([
      entry.cli(['read', 'typed', '--store', 'orders']),
      entry.cli(['stats', '--store', 'orders']),
      entry.cli(['read', '--store', 'nowhere']),
    ]);
    expect(read.out).toContain('hello');
    expect(stats, stats.err).toMatchObject({ code: 0 });
    expect(missing.code).not.toBe(0);
    expect(missing.err).toContain('nowhere');
  });
});

describe('MQTT', () => {
  it('has every live event once on every node', async () => {
    const clients = await Promise.all(world.nodes.map((node) => node.mqtt()));
    for (const client of clients) expect(await client.subscribe('$store/orders/live-mqtt/+')).toBe(1);
    const markers = (await holder.append('orders', 'live-mqtt', 'marker')).position;
    expect(markers).toBeGreaterThan(0);
    await until('interest has travelled', WAIT_MS, async () => {
      await holder.append('orders', 'live-mqtt', 'marker');
      return clients.every(({ packets }) => packets.length > 0);
    });
    const sent = Array.from({ length: 300 }, (_, i) => i);
    await Promise.all(
      [0, 1, 2].map(async (part) => {
        for (let i = 0; i < 100; i++) await world.nodes[part]!.append('orders', 'live-mqtt', sent[part * 100 + i]);
      }),
    );
    const numbers = (client: (typeof clients)[number]) => client.data().filter((data) => typeof data === 'number');
    await until('all is there', WAIT_MS, () => clients.every((client) => numbers(client).length >= 300));
    await sleep(200);
    for (const client of clients) {
      expect(numbers(client).toSorted((a, b) => Number(a) - Number(b))).toEqual(sent);
      const positions = client.positions();
      expect(positions).toEqual(positions.toSorted((a, b) => a - b));
      client.close();
    }
  });

  it('consumes a subscription as a group from several nodes, in order of each stream', async () => {
    await entry.done('POST', '/stores/orders/subscriptions', {
      name: 'group',
      selector: { kind: 'pattern', pattern: 'g-*' },
    });
    const clients = await Promise.all([entry, other, holder].map((node) => node.mqtt()));
    for (const client of clients) expect(await client.subscribe('$subscription/orders/group')).toBe(1);
    const streams = Array.from({ length: 12 }, (_, i) => `g-${i}`);
    for (let n = 0; n < 10; n++)
      await Promise.all(streams.map((stream) => other.append('orders', stream, `${stream} ${n}`)));
    const all = () => clients.flatMap((client) => client.data()) as string[];
    await until('all is consumed', WAIT_MS, () => all().length >= 120);
    await until(
      'all is acknowledged',
      WAIT_MS,
      async () => (await holder.done('GET', '/stores/orders/subscriptions/group')).lagEvents === 0,
    );
    expect(new Set(all()).size).toBe(120);
    expect(all()).toHaveLength(120);
    for (const client of clients) {
      expect(client.packets.length).toBeGreaterThan(0);
      for (const stream of streams) {
        const own = (client.data() as string[])
          .filter((data) => data.startsWith(`${stream} `))
          .map((data) => Number(data.split(' ')[1]));
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
      client.close();
    }
  });

  it('refuses what is not there, on any node', async () => {
    const client = await entry.mqtt();
    expect(await client.subscribe('$subscription/orders/nothing')).toBeGreaterThanOrEqual(128);
    expect(await client.subscribe('$subscription/nowhere/group')).toBeGreaterThanOrEqual(128);
    client.close();
  });
});

describe('realms', () => {
  it('keep what is of one from the other, on every node', async () => {
    await entry.done('POST', '/stores/sensors/subscriptions', { name: 'all', selector: { kind: 'all' } });
    for (const node of world.nodes) {
      const [stranger, own] = [await node.mqtt(), await node.mqtt(PLANT_USER)];
      expect(await stranger.subscribe('$subscription/sensors/all')).toBeGreaterThanOrEqual(128);
      await stranger.subscribe('$store/#');
      await own.subscribe('$store/#');
      const data = `from ${node.node.number}`;
      await until('it is live', WAIT_MS, async () => {
        await entry.append('sensors', 's', data);
        return own.packets.length > 0;
      });
      await entry.append('orders', 'not-for-plant', data);
      await until('the other is live too', WAIT_MS, () => stranger.packets.length > 0);
      await sleep(50);
      expect(stranger.packets.every(({ topic }) => topic.startsWith('$store/orders/'))).toBe(true);
      expect(own.packets.every(({ topic }) => topic.startsWith('$store/sensors/'))).toBe(true);
      stranger.close();
      own.close();
    }
    const client = await entry.mqtt(PLANT_USER);
    expect(await client.subscribe('$subscription/sensors/all')).toBe(1);
    expect(await client.subscribe('$subscription/orders/group')).toBeGreaterThanOrEqual(128);
    client.close();
  });
});

it('every node lists all stores, with UUID, node, workers, position and health', async () => {
  const [orders, sensors, audit] = await Promise.all([
    holder.done('GET', '/stores/orders'),
    holder.done('GET', '/stores/sensors'),
    other.done('GET', '/stores/audit'),
  ]);
  const expected = [
    { realm: 'default', name: 'audit', uuid: audit.id, node: other.node.nodeId, lastPosition: audit.lastPosition },
    { realm: 'default', name: 'orders', uuid: orders.id, node: holder.node.nodeId, lastPosition: orders.lastPosition },
    { realm: 'plant', name: 'sensors', uuid: sensors.id, node: holder.node.nodeId, lastPosition: sensors.lastPosition },
  ];
  for (const node of world.nodes) {
    const stores = (await node.stores()).filter(({ name }) => name !== 'twins');
    expect(stores).toMatchObject(
      expected.map((store) => ({ ...store, healthy: true, problem: null, conflict: false })),
    );
    for (const { workers } of stores) {
      expect(workers.filter(({ role }) => role === 'writer')).toHaveLength(1);
      expect(workers.filter(({ role }) => role === 'reader').length).toBeGreaterThan(0);
    }
  }
});

it('of two stores of one name, every node serves the same one, and says so', async () => {
  const listings = await Promise.all(world.nodes.map((node) => node.stores()));
  const [served, ...conflicts] = listings[0]!
    .filter(({ name }) => name === 'twins')
    .toSorted((a) => (a.conflict ? 1 : -1));
  expect(conflicts).toMatchObject([{ conflict: true, healthy: false }]);
  expect(served).toMatchObject({ conflict: false, healthy: true });
  for (const listing of listings) {
    const twins = listing.filter(({ name }) => name === 'twins');
    expect(twins.map(({ uuid, node, conflict }) => [uuid, node, conflict]).toSorted()).toEqual(
      [served!, ...conflicts].map(({ uuid, node, conflict }) => [uuid, node, conflict]).toSorted(),
    );
  }
  const client = await entry.mqtt();
  await client.subscribe('$store/twins/#');
  for (const node of world.nodes) {
    await node.append('twins', 's', node.node.number);
    expect(await node.done('GET', '/stores/twins')).toMatchObject({ id: served!.uuid });
  }
  for (const node of world.nodes) expect((await node.events('twins')).map(({ data }) => data)).toEqual([1, 2, 3]);
  await until('it is live', WAIT_MS, async () => {
    await entry.append('twins', 's', 'last');
    return client.packets.length > 0;
  });
  expect(await entry.node.metric('plexus_cluster_store_conflicts')).toBe(1);
  client.close();
});

describe('large reads', () => {
  it('wait for a slow reader, in bounded memory, and go on', async () => {
    const pad = 'x'.repeat(200_000);
    for (let n = 0; n < 20; n++) {
      const data = Array.from({ length: 16 }, (_, i) => `${n * 16 + i} ${pad}`);
      await other.append('audit', 'large', ...data);
    }
    const rss = async () =>
      (await Promise.all([entry, other].map(({ node }) => node.metric('process_resident_memory_bytes')))) as [
        number,
        number,
      ];
    const before = await rss();
    const responses = await Promise.all(
      Array.from({ length: 6 }, () =>
        fetch(`${entry.url}/api/v1/stores/audit/streams/large/events`, { headers: { accept: 'application/x-ndjson' } }),
      ),
    );
    const readers = responses.map((response) => response.body!.getReader());
    await sleep(700);
    const during = await rss();
    const grown = during.map((bytes, i) => (bytes - before[i]!) / MIB);
    const lengths = await Promise.all(
      readers.map(async (reader) => {
        let lines = 0;
        for (let next = await reader.read(); !next.done; next = await reader.read()) lines += linesIn(next.value);
        return lines;
      }),
    );
    expect(lengths).toEqual(Array(6).fill(320));
    // 6 readers of 61 MiB each, 366 MiB: what was not asked for is not there. What is, with buffers of sockets and pages, is some 90 MiB.
    expect(grown[0], `the entry grew by ${grown}`).toBeLessThan(160);
    expect(grown[1], `the holder grew by ${grown}`).toBeLessThan(160);
  });

  it('are all answered where many come at once, and appends beside them', async () => {
    const read = async (): Promise<string> => {
      const response = await fetch(`${entry.url}/api/v1/stores/audit/streams/large/events?limit=20`);
      return `${response.status} ${(await response.arrayBuffer()).byteLength}`;
    };
    const reads = Promise.all(Array.from({ length: 64 }, read));
    for (let n = 0; n < 20; n++) await entry.append('audit', 'beside', n);
    const answers = new Set(await reads);
    expect([...answers]).toEqual([expect.stringMatching(/^200 4\d{6}$/)]);
  });
});

function linesIn(chunk: Uint8Array): number {
  const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let lines = 0;
  for (let at = buffer.indexOf(10); at !== -1; at = buffer.indexOf(10, at + 1)) lines++;
  return lines;
}
