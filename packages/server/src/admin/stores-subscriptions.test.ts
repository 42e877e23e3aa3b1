import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { type OpenApi, untruths } from '../testing/openapi.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { TestStore, testStores } from '../testing/test-store.ts';
import type { Admin } from './server.ts';

const ALL = { kind: 'all' };
const BASE = '/api/v1/stores/default/subscriptions';

let clock: FakeClock;
let admin: Admin;
let store: TestStore;
let openApi: OpenApi;
let lies: string[];
let faults: object[];

beforeEach(async () => {
  clock = new FakeClock();
  lies = [];
  faults = [];
  store = new TestStore('default', 'default', new MemoryEngine({ wallMs: () => clock.wallMs() }), clock);
  await store.service.start();
  admin = await testAdmin(testStores(store), faults, clock);
  openApi = (await admin.inject('/openapi.json')).json();
});
afterEach(async () => {
  const stopped = Promise.all([admin.stop(), store.stop()]);
  await settle(stopped);
  expect([lies, faults]).toEqual([[], []]);
});

/** Lets time pass, in small steps, until `what` is there. */
async function settle<T>(what: Promise<T>, stepMs = 0): Promise<T> {
  let isDone = false;
  void what.catch(() => {}).then(() => (isDone = true));
  for (let i = 0; !isDone; i++) {
    if (i > 10_000) throw new Error('it does not come');
    clock.advance(stepMs);
    await turn();
  }
  return what;
}

async function call(method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) {
  const url = BASE + path;
  const answer = await settle(admin.inject({ method, url, ...(payload !== undefined && { payload }) }), 1);
  const contentType = answer.headers['content-type'] as string | undefined;
  const exchange = { method, url, status: answer.statusCode, contentType, body: answer.body };
  lies.push(...untruths(openApi, payload === undefined ? exchange : { ...exchange, requestBody: payload }));
  return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() };
}

const get = async (path: string) => (await call('GET', path)).body;
const post = async (path: string, payload?: object) => (await call('POST', path, payload)).body;
const create = (name: string, options: object = {}) => call('POST', '', { name, selector: ALL, ...options });
const append = (stream: string, ...data: unknown[]) =>
  settle(store.append({ writes: [{ stream, events: data.map((one) => ({ type: 't', data: one })) }] }));

/** Positions and attempts of what a pull gives. */
async function pull(consumer: string, options: object = {}, name = 'jobs'): Promise<[number, number][]> {
  const { status, body } = await call('POST', `/${name}/pull`, { consumer, ...options });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.events.map((event: { position: number; attempt: number }) => [event.position, event.attempt]);
}

describe('persistent subscriptions', () => {
  it('are created with defaults, shown, listed by page, and deleted', async () => {
    const { status, body } = await create('jobs', { ackTimeoutMs: 5000 });
    expect([status, body]).toMatchObject([
      201,
      {
        name: 'jobs',
        selector: ALL,
        from: 'start',
        strategy: 'by_stream',
        window: 100,
        ackTimeoutMs: 5000,
        checkpoint: -1,
        state: 'running',
      },
    ]);
    for (const name of ['b/ü %', 'a']) await create(name);
    expect(await get(`/${encodeURIComponent('b/ü %')}`)).toMatchObject({
      name: 'b/ü %',
      lagEvents: 0,
      lagS: 0,
      parked: 0,
    });
    const names = ({ subscriptions, next }: { subscriptions: { name: string }[]; next: unknown }) => [
      subscriptions.map(({ name }) => name),
      next,
    ];
    expect(names(await get('?limit=2'))).toEqual([['a', 'b/ü %'], 'b/ü %']);
    expect(names(await get(`?limit=2&after=${encodeURIComponent('b/ü %')}`))).toEqual([['jobs'], null]);
    expect((await call('DELETE', '/a')).status).toBe(204);
    expect((await get('/a')).error).toMatchObject({ code: 'subscription_not_found', name: 'a' });
    expect((await create('jobs')).body.error.code).toBe('subscription_exists');
  });

  it.each([
    { name: '' },
    { selector: { kind: 'other' } },
    { selector: { kind: 'payload', where: { path: '$.a', op: 'like', value: 1 } } },
    { selector: undefined },
    { window: 0 },
    { strategy: 'any' },
    { from: -1 },
    { more: 1 },
  ])('refuses %j', async (options) => {
    const { status, body } = await create('jobs', options);
    expect([status, body.error.code]).toEqual([400, 'bad_request']);
  });

  it('are paused, resumed and reset', async () => {
    await create('jobs');
    await append('s', 1, 2, 3);
    expect(await pull('me')).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    expect(await post('/jobs/ack', { consumer: 'me', positions: [0, 1, 2] })).toEqual({ answered: 3 });
    expect((await post('/jobs/pause')).state).toBe('paused');
    await append('s', 4);
    expect(await pull('me')).toEqual([]);
    expect((await post('/jobs/resume')).state).toBe('running');
    expect(await pull('me')).toEqual([[3, 1]]);
    expect(await post('/jobs/reset', { to: 1 })).toMatchObject({ checkpoint: 0, lagEvents: 3 });
    expect(await pull('me')).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect((await post('/jobs/reset', { to: 'then' })).error.code).toBe('bad_request');
    expect((await post('/other/pause')).error.code).toBe('subscription_not_found');
  });
});

describe('pulling', () => {
  it('gives as many as are asked for, each once, until the window is full', async () => {
    await create('jobs', { window: 5 });
    await append('s', ...Array(8).keys());
    expect(await pull('me', { limit: 2 })).toEqual([
      [0, 1],
      [1, 1],
    ]);
    expect(await pull('me', { limit: 100 })).toEqual([
      [2, 1],
      [3, 1],
      [4, 1],
    ]);
    await post('/jobs/ack', { consumer: 'me', positions: [0, 1] });
    expect(await pull('me')).toEqual([
      [5, 1],
      [6, 1],
    ]);
    expect(await get('/jobs')).toMatchObject({ consumers: 1, inFlight: 5 });
  });

  it('shows events as reads do, with the attempt', async () => {
    await create('jobs');
    await append('s', { a: 1 });
    const { events } = await post('/jobs/pull', { consumer: 'me' });
    const read = (await admin.inject('/api/v1/stores/default/events')).json();
    expect(events).toEqual([{ ...read.events[0], attempt: 1 }]);
  });

  it('takes no more than an answer holds: what waits for the next one does not time out', async () => {
    await create('jobs', { ackTimeoutMs: 1000, maxRetries: 0 });
    for (let i = 0; i < 5; i++) await append('s', ...Array(4).fill('x'.repeat(600_000)));
    const got: number[] = [];
    while (got.length < 20) {
      const positions = (await pull('me', { limit: 20 })).map(([position]) => position);
      expect(positions).not.toEqual([]);
      got.push(...positions);
      clock.advance(700);
      await turn();
      expect(await post('/jobs/ack', { consumer: 'me', positions })).toEqual({ answered: positions.length });
    }
    expect(got).toEqual([...Array(20).keys()]);
    expect(await get('/jobs')).toMatchObject({ parked: 0, inFlight: 0 });
  });

  it('waits for the first event, as long as it says', async () => {
    await create('jobs');
    const waiting = call('POST', '/jobs/pull', { consumer: 'me', waitMs: 1000 });
    await append('s', 'x');
    expect((await waiting).body.events).toHaveLength(1);
    const startedAt = clock.now();
    const second = admin.inject({
      method: 'POST',
      url: `${BASE}/jobs/pull`,
      payload: { consumer: 'me', waitMs: 1000 },
    });
    expect((await settle(second, 100)).json()).toEqual({ events: [] });
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(1000);
  });

  it('is a group: each event to one of its consumers, and to another when one leaves', async () => {
    await create('jobs', { strategy: 'round_robin', poolSize: 2 });
    expect([await pull('a', { limit: 2 }), await pull('b', { limit: 2 })]).toEqual([[], []]);
    const full = await call('POST', '/jobs/pull', { consumer: 'c' });
    expect([full.status, full.body.error]).toMatchObject([429, { code: 'quota_exceeded', limit: 'poolSize' }]);
    await append('s', 0, 1, 2, 3);
    const [a, b] = [await pull('a', { limit: 2 }), await pull('b', { limit: 2 })];
    expect([...a, ...b].map(([position]) => position).toSorted()).toEqual([0, 1, 2, 3]);
    expect((await call('POST', '/jobs/leave', { consumer: 'a' })).status).toBe(204);
    expect(await pull('b')).toEqual(a.map(([position]) => [position, 2]));
  });

  it('lets go of one that neither asks nor answers, and says so when it comes back', async () => {
    await create('jobs', { ackTimeoutMs: 1000 });
    await append('s', 'x');
    expect(await pull('slow')).toEqual([[0, 1]]);
    clock.advance(1001);
    await turn();
    expect(await get('/jobs')).toMatchObject({ consumers: 0, inFlight: 0 });
    expect(await pull('other')).toEqual([[0, 2]]);
    const late = await call('POST', '/jobs/ack', { consumer: 'slow', positions: [0] });
    expect([late.status, late.body.error]).toMatchObject([404, { code: 'consumer_not_found', consumer: 'slow' }]);
    expect((await post('/none/ack', { consumer: 'slow', positions: [0] })).error.code).toBe('subscription_not_found');
  });

  it('lets an idle one go as well, and keeps one that waits', async () => {
    await create('jobs', { ackTimeoutMs: 1000 });
    await pull('idle');
    const waiting = admin.inject({
      method: 'POST',
      url: `${BASE}/jobs/pull`,
      payload: { consumer: 'patient', waitMs: 5000 },
    });
    await turn();
    clock.advance(1100);
    await turn();
    expect((await get('/jobs')).consumers).toBe(1);
    expect((await settle(waiting, 100)).json()).toEqual({ events: [] });
  });

  it('refuses with an action; what was parked is listed, replayed and dropped', async () => {
    await create('jobs');
    await append('s', 0, 1, 2, 3);
    await pull('me', { limit: 4 });
    await post('/jobs/nack', { consumer: 'me', positions: [0, 1], action: 'park', reason: 'no customer' });
    await post('/jobs/nack', { consumer: 'me', positions: [2] });
    await post('/jobs/nack', { consumer: 'me', positions: [3], action: 'skip' });
    expect(await pull('me')).toEqual([[2, 2]]);
    const first = await get('/jobs/parked?limit=1');
    expect(first).toMatchObject({
      parked: [{ event: { position: 0, data: 0 }, reason: 'no customer', attempts: 1 }],
      next: 0,
    });
    expect(await get(`/jobs/parked?after=${first.next}`)).toMatchObject({
      parked: [{ event: { position: 1 } }],
      next: null,
    });
    // Until it is answered, nothing else of its stream is delivered.
    await post('/jobs/ack', { consumer: 'me', positions: [2] });
    expect(await post('/jobs/parked/replay', { positions: [1] })).toEqual({ replayed: 1 });
    expect((await pull('me', { waitMs: 10 })).map(([position]) => position)).toEqual([1]);
    await post('/jobs/ack', { consumer: 'me', positions: [1] });
    expect(await post('/jobs/parked/drop')).toEqual({ dropped: 1 });
    expect((await get('/jobs/parked')).parked).toEqual([]);
  });

  it('lists parked events by page, none much larger than 4 MiB', async () => {
    await create('jobs');
    for (let i = 0; i < 4; i++) await append('s', ...Array(6).fill('x'.repeat(500_000)));
    for (let left = 24; left > 0; ) {
      const positions = (await pull('me', { limit: 24 })).map(([position]) => position);
      await post('/jobs/nack', { consumer: 'me', positions, action: 'park' });
      left -= positions.length;
    }
    const list = async (limit: number): Promise<number[][]> => {
      const pages: number[][] = [];
      for (let after: number | null = -1; after !== null; ) {
        const { parked, next } = await get(`/jobs/parked?limit=${limit}&after=${after}`);
        pages.push(parked.map(({ event }: { event: { position: number } }) => event.position));
        after = next;
      }
      return pages;
    };
    const all = [...Array(24).keys()];
    expect(await list(100)).toEqual([all.slice(0, 9), all.slice(9, 18), all.slice(18)]);
    expect(await list(8)).toEqual([all.slice(0, 8), all.slice(8, 16), all.slice(16)]);
  });

  it('ends when the subscription goes, and when the node drains', async () => {
    await create('jobs');
    const waiting = call('POST', '/jobs/pull', { consumer: 'me', waitMs: 10_000 });
    await turn();
    await call('DELETE', '/jobs');
    expect((await waiting).body.error.code).toBe('subscription_not_found');
    await create('jobs');
    const second = call('POST', '/jobs/pull', { consumer: 'me', waitMs: 10_000 });
    await turn();
    while (store.subscriptions.get('jobs').consumers === 0) await turn();
    void admin.drain();
    expect((await second).body).toEqual({ events: [] });
  });

  it.each([
    {},
    { consumer: '' },
    { consumer: 'a\u0000' },
    { consumer: 'me', limit: 1001 },
    { consumer: 'me', waitMs: 60_001 },
    { consumer: 'me', more: 1 },
  ])('refuses %j', async (body) => {
    await create('jobs');
    const answer = await call('POST', '/jobs/pull', body);
    expect([answer.status, answer.body.error.code]).toEqual([400, 'bad_request']);
  });
});

describe('metrics', () => {
  it('have the stores and their subscriptions', async () => {
    await create('jobs');
    await append('s', 0, 1, 2);
    await pull('me', { limit: 2 });
    await post('/jobs/ack', { consumer: 'me', positions: [0] });
    const read = async (): Promise<string[]> => (await settle(admin.inject('/metrics'))).body.split('\n');
    const text = await read();
    for (const line of [
      'plexus_store_healthy{store="default"} 1',
      'plexus_store_events{store="default"} 3',
      'plexus_store_last_position{store="default"} 2',
      'plexus_store_streams{store="default"} 1',
      'plexus_store_queue_bytes{store="default"} 0',
      'plexus_store_workers{store="default"} 1',
      'plexus_store_subscription_in_flight{store="default",subscription="jobs"} 1',
      'plexus_store_subscription_consumers{store="default",subscription="jobs"} 1',
      'plexus_store_subscription_lag_events{store="default",subscription="jobs"} 2',
      'plexus_store_subscription_parked{store="default",subscription="jobs"} 0',
    ]) {
      expect(text).toContain(line);
    }
    await call('DELETE', '/jobs');
    store.problem = 'gone';
    expect((await read()).filter((line) => line.includes('subscription="jobs"'))).toEqual([]);
    expect(await read()).toContain('plexus_store_healthy{store="default"} 0');
  });

  it('leave out what a store does not say in time', async () => {
    await append('s', 0);
    store.read = () => new Promise(() => {});
    const text = (await settle(admin.inject('/metrics'), 100)).body;
    expect(text).toContain('plexus_store_healthy{store="default"} 1');
    expect(text).not.toContain('plexus_store_events{');
  });
});
