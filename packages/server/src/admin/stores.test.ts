import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { type OpenApi, untruths } from '../testing/openapi.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { TestStore, testStores } from '../testing/test-store.ts';
import type { Admin } from './server.ts';

const ID = '01890000-0000-7000-8000-00000000000';

let admin: Admin;
let store: TestStore;
let faults: object[];
let openApi: OpenApi;
/** Statements of the description that a test has found untrue. */
let lies: string[];

beforeEach(async () => {
  store = new TestStore();
  faults = [];
  lies = [];
  admin = await testAdmin(testStores(store, new TestStore('a/b %', 'plant')), faults);
  openApi = (await admin.inject('/openapi.json')).json();
});
afterEach(async () => {
  await admin.stop();
  expect(lies).toEqual([]);
  expect(faults).toEqual([]);
});

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A request to the store `default`, and the answer; both are compared with the description. */
async function call(method: Method, path: string, payload?: object, headers: Record<string, string> = {}) {
  const url = `/api/v1/stores${path}`;
  const answer = await admin.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  const contentType = answer.headers['content-type'] as string | undefined;
  const exchange = { method, url, status: answer.statusCode, contentType, body: answer.body };
  lies.push(...untruths(openApi, payload === undefined ? exchange : { ...exchange, requestBody: payload }));
  const isJson = contentType?.startsWith('application/json') === true;
  return { status: answer.statusCode, body: isJson ? answer.json() : null, text: answer.body, headers: answer.headers };
}

const get = (path: string, headers?: Record<string, string>) => call('GET', path, undefined, headers);
const append = (stream: string, events: object[], expectedVersion?: number | string) =>
  call('POST', `/default/streams/${encodeURIComponent(stream)}/events`, {
    events,
    ...(expectedVersion !== undefined && { expectedVersion }),
  });

/** Ten events in two streams, with types, tags and causes. */
async function fill(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await append(i % 2 === 0 ? 'order-1' : 'order/ü 2', [
      {
        id: ID + i,
        type: i % 3 === 0 ? 'placed' : 'paid',
        data: { i },
        tags: [`n${i}`, i < 5 ? 'low' : 'high'],
        correlationId: 'c',
        causationId: i === 0 ? null : ID + (i - 1),
      },
    ]);
  }
}

const positions = (body: { events: { position: number }[] }): number[] => body.events.map(({ position }) => position);

describe('the description', () => {
  it('has every route, with what it answers', () => {
    const paths = Object.entries(openApi.paths).filter(([path]) => path.startsWith('/api/v1/stores'));
    const routes = paths.flatMap(([path, methods]) => Object.keys(methods).map((one) => `${one} ${path.slice(14)}`));
    expect(routes.toSorted()).toEqual(
      [
        'get ',
        'get /{store}',
        'get /{store}/causation/{id}',
        'get /{store}/events',
        'get /{store}/events/{id}',
        'get /{store}/snapshots/{stream}',
        'get /{store}/snapshots/{stream}/list',
        'get /{store}/streams',
        'get /{store}/streams/{stream}',
        'get /{store}/streams/{stream}/events',
        'get /{store}/streams/{stream}/version',
        'get /{store}/subscriptions',
        'get /{store}/subscriptions/{name}',
        'get /{store}/subscriptions/{name}/parked',
        'get /{store}/tags',
        'get /{store}/types',
        'delete /{store}/snapshots/{stream}',
        'delete /{store}/streams/{stream}',
        'delete /{store}/subscriptions/{name}',
        'post /{store}/events',
        'post /{store}/streams/{stream}/events',
        'post /{store}/subscriptions',
        'post /{store}/subscriptions/{name}/ack',
        'post /{store}/subscriptions/{name}/leave',
        'post /{store}/subscriptions/{name}/nack',
        'post /{store}/subscriptions/{name}/parked/drop',
        'post /{store}/subscriptions/{name}/parked/replay',
        'post /{store}/subscriptions/{name}/pause',
        'post /{store}/subscriptions/{name}/pull',
        'post /{store}/subscriptions/{name}/reset',
        'post /{store}/subscriptions/{name}/resume',
        'post /{store}/verify',
        'put /{store}/snapshots/{stream}',
      ].toSorted(),
    );
    for (const [path, methods] of paths) {
      for (const [method, operation] of Object.entries(methods)) {
        const { responses } = operation;
        expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining(['400', '404', '503']));
        expect(Object.keys(responses).some((status) => status < '300')).toBe(true);
        for (const response of Object.values(responses)) expect(response.description).not.toBe('');
      }
    }
  });
});

describe('stores', () => {
  it('are listed with how they are, and without where they are', async () => {
    const { body, text } = await get('');
    expect(body.stores.map(({ name }: { name: string }) => name)).toEqual(['default', 'a/b %']);
    expect(body.next).toBeNull();
    expect((await get('?realm=plant')).body.stores).toMatchObject([
      { name: 'a/b %', healthy: true, workers: [{ id: 'w1' }] },
    ]);
    expect(text).not.toContain('secret');
  });

  it('are shown with what is in them', async () => {
    await fill();
    store.problem = 'its threads keep dying';
    expect((await get('/default')).body).toMatchObject({
      name: 'default',
      events: 10,
      streams: 2,
      lastPosition: 9,
      healthy: false,
      problem: 'its threads keep dying',
    });
    expect((await get(`/${encodeURIComponent('a/b %')}`)).body).toMatchObject({ events: 0, lastPosition: -1 });
    expect((await get('/other')).body.error).toMatchObject({ code: 'store_not_found', store: 'other' });
  });

  it('list types and tags by page', async () => {
    await fill();
    expect((await get('/default/types')).body).toEqual({
      types: [
        { name: 'paid', count: 6 },
        { name: 'placed', count: 4 },
      ],
      next: null,
    });
    const first = (await get('/default/tags?limit=3')).body;
    expect(first.tags).toHaveLength(3);
    const second = (await get(`/default/tags?limit=100&after=${first.next}`)).body;
    expect([...first.tags, ...second.tags].map(({ name }) => name)).toEqual([
      'high',
      'low',
      'n0',
      'n1',
      'n2',
      'n3',
      'n4',
      'n5',
      'n6',
      'n7',
      'n8',
      'n9',
    ]);
    expect((await get('/default/tags?prefix=l')).body.tags).toEqual([{ name: 'low', count: 5 }]);
  });

  it('are verified', async () => {
    await fill();
    expect((await call('POST', '/default/verify')).body).toEqual({ events: 10, streams: 2, faults: [] });
  });
});

describe('appending', () => {
  it('answers 201 with version and position, 200 for a retry, 409 for a conflict', async () => {
    const events = [
      { id: `${ID}0`, type: 't', data: 1 },
      { id: `${ID}1`, type: 't', data: 2 },
    ];
    const first = await append('s', events, 'none');
    expect(first).toMatchObject({ status: 201, body: { version: 1, position: 1, duplicate: false } });
    await append('s', [{ type: 't' }], 1);
    expect(await append('s', events, 'none')).toMatchObject({
      status: 200,
      body: { ...first.body, duplicate: true },
    });
    const conflict = await append('s', [{ type: 't' }], 1);
    expect([conflict.status, conflict.body.error]).toMatchObject([
      409,
      { code: 'wrong_expected_version', stream: 's', expected: 1, actual: 2 },
    ]);
    expect((await append('s', [{ id: `${ID}0`, type: 't', data: 'other' }])).body.error.code).toBe('event_id_conflict');
    expect((await get('/default/streams/s/events')).body.events).toHaveLength(3);
  });

  it('keeps every member as it was given, bytes and names of any kind too', async () => {
    const data = JSON.parse('{"__proto__":{"x":1},"constructor":[null,true,1.5e300,"\\u0000\\ud83d\\ude00"]}');
    const event = { type: 'a/b %+#', data, metadata: { m: [] }, tags: ['ü,x'], correlationId: 'c', causationId: 'd' };
    await append('o/1 %ü', [event]);
    await append('o/1 %ü', [
      { type: 't', dataBase64: '/wAB', contentType: 'image/x' },
      { type: 't', dataBase64: '' },
    ]);
    const { body } = await get(`/default/streams/${encodeURIComponent('o/1 %ü')}/events`);
    expect(body.events).toMatchObject([
      {
        stream: 'o/1 %ü',
        version: 0,
        position: 0,
        contentType: 'application/json',
        metadata: { m: [] },
        tags: ['ü,x'],
      },
      { version: 1, contentType: 'image/x', dataBase64: '/wAB', metadata: null },
      { version: 2, contentType: 'application/octet-stream', dataBase64: '', correlationId: null },
    ]);
    expect(JSON.stringify(body.events[0].data)).toBe(JSON.stringify(data));
    expect(body.events[0].time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect((await get('/default/events?types=["a/b %25%2B%23"]')).body.events).toHaveLength(1);
  });

  it('writes to several streams at once, or to none', async () => {
    const writes = [
      { stream: 'a', expectedVersion: 'none', events: [{ type: 't' }, { type: 't' }] },
      { stream: 'b', events: [{ type: 't' }] },
    ];
    const first = await call('POST', '/default/events', { writes });
    expect(first).toMatchObject({
      status: 201,
      body: {
        position: 2,
        versions: [
          { stream: 'a', version: 1 },
          { stream: 'b', version: 0 },
        ],
        duplicate: false,
      },
    });
    expect((await call('POST', '/default/events', { writes: writes.toReversed() })).status).toBe(409);
    expect(store.lastPosition).toBe(2);
  });

  it('groups a list of events by stream', async () => {
    const events = ['a', 'b', 'a'].map((stream, i) => ({ stream, type: `t${i}`, data: i }));
    const { body } = await call('POST', '/default/events', { events });
    expect(body.versions).toEqual([
      { stream: 'a', version: 1 },
      { stream: 'b', version: 0 },
    ]);
    const { body: read } = await get('/default/events');
    expect(read.events.map(({ data }: { data: number }) => data)).toEqual([0, 2, 1]);
  });

  it('appends under a condition', async () => {
    await append('s', [{ type: 'seen', tags: ['a', 'b'] }]);
    const { lastPosition } = (await get('/default/events?types=seen')).body;
    const failIfEventsMatch = [{ types: ['seen'], tags: ['b'] }];
    const request = {
      events: [{ stream: 's', type: 'decided' }],
      condition: { failIfEventsMatch, after: lastPosition },
    };
    expect((await call('POST', '/default/events', request)).status).toBe(201);
    await append('s', [{ type: 'seen', tags: ['b'] }]);
    const failed = await call('POST', '/default/events', request);
    expect([failed.status, failed.body.error]).toMatchObject([409, { code: 'append_condition_failed', position: 2 }]);
  });

  it.each([
    [{}, 'bad_request'],
    [{ events: [] }, 'bad_request'],
    [{ events: [{ data: 1 }] }, 'bad_request'],
    [{ events: [{ type: '' }] }, 'bad_request'],
    [{ events: [{ type: 't', id: 'x' }] }, 'bad_request'],
    [{ events: [{ type: 't', more: 1 }] }, 'bad_request'],
    [{ events: [{ type: 't' }], expectedVersion: 'some' }, 'bad_request'],
    [{ events: [{ type: 't' }], expectedVersion: -2 }, 'bad_request'],
    [{ events: [{ type: 't' }], expectedVersion: '1' }, 'bad_request'],
    [{ events: [{ type: 't', data: 1, dataBase64: '' }] }, 'bad_request'],
    [{ events: [{ type: 't', dataBase64: 'a' }] }, 'bad_request'],
    [{ events: [{ type: 't', dataBase64: 'MQ==', contentType: 'application/json' }] }, 'bad_request'],
    [{ events: [{ type: 't', data: 'x', contentType: 'text/plain' }] }, 'bad_request'],
    [{ events: [{ type: 't', data: 'x'.repeat(1024 * 1024) }] }, 'payload_too_large'],
    [{ events: Array(5).fill({ type: 't', data: 'x'.repeat(1_000_000) }) }, 'payload_too_large'],
    [{ events: [{ type: 't', data: 'x'.repeat(10_000_000) }] }, 'payload_too_large'],
    [{ events: Array(1001).fill({ type: 't' }) }, 'bad_request'],
  ])('refuses %o', async (body, code) => {
    const answer = await call('POST', '/default/streams/s/events', body);
    expect(answer.body.error.code, answer.text).toBe(code);
    expect(store.lastPosition).toBe(-1);
  });

  it('takes the largest append that there may be', async () => {
    const data = '\u0001'.repeat(150_000);
    expect((await append('s', Array(4).fill({ type: 't', data }))).status).toBe(201);
  });

  it.each([
    ['{', 'application/json', 400, 'bad_request'],
    ['\xff', 'application/json', 400, 'bad_request'],
    ['', 'application/json', 400, 'bad_request'],
    ['{}', 'text/plain', 415, 'unsupported_media_type'],
  ])('refuses %j as %s', async (payload, type, status, code) => {
    const url = '/api/v1/stores/default/streams/s/events';
    const answer = await admin.inject({
      method: 'POST',
      url,
      headers: { 'content-type': type },
      payload: Buffer.from(payload, 'latin1'),
    });
    expect([answer.statusCode, answer.json().error.code]).toEqual([status, code]);
  });
});

describe('reading', () => {
  it('goes through a stream and the store by page, forwards and backwards', async () => {
    await fill();
    const stream = `/default/streams/${encodeURIComponent('order/ü 2')}/events`;
    const first = (await get(`${stream}?limit=2`)).body;
    expect([positions(first), first.next, first.lastPosition]).toEqual([[1, 3], 2, 9]);
    expect(positions((await get(`${stream}?limit=5&from=${first.next}`)).body)).toEqual([5, 7, 9]);
    const back = (await get(`${stream}?direction=backwards&limit=2`)).body;
    expect([positions(back), back.next]).toEqual([[9, 7], 2]);
    const rest = (await get(`/default/events?direction=backwards&from=1`)).body;
    expect([positions(rest), rest.next]).toEqual([[1, 0], null]);
    expect((await get('/default/events?from=10')).body).toEqual({ events: [], next: null, lastPosition: 9 });
  });

  it.each([
    ['types=placed', [0, 3, 6, 9]],
    ['types=placed,paid&limit=3', [0, 1, 2]],
    ['types=placed&types=other', [0, 3, 6, 9]],
    ['types=["placed"]', [0, 3, 6, 9]],
    ['typePrefix=pla', [0, 3, 6, 9]],
    ['tags=n1,n2&match=any', [1, 2]],
    ['tags=n1,low', [1]],
    ['tags=n1,high&match=all', []],
    ['tags=high&types=paid', [5, 7, 8]],
    ['streams=order-*', [0, 2, 4, 6, 8]],
    ['streams=*2', [1, 3, 5, 7, 9]],
    [`query=${encodeURIComponent('[{"types":["placed"],"tags":["low"]},{"tags":["n9"]}]')}`, [0, 3, 9]],
    ['correlationId=c&limit=1', [0]],
    [`causationId=${ID}4`, [5]],
    ['since=2000-01-01&until=2000-01-02', []],
    ['since=2000-01-01T00:00:00Z&limit=1', [0]],
    ['until=0', []],
  ])('%s gives %j', async (query, expected) => {
    await fill();
    expect(positions((await get(`/default/events?${query}`)).body)).toEqual(expected);
    const lines = await get(`/default/events?${query}`, { accept: 'application/x-ndjson' });
    const shown = lines.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).position);
    expect(shown).toEqual(expected);
    expect(lines.headers['content-type']).toBe('application/x-ndjson');
    expect(lines.headers['plexus-last-position']).toBe('9');
  });

  it('looks on where a slice of a read found nothing, for a while', async () => {
    await admin.stop();
    store = new TestStore('default', 'default', new MemoryEngine({ wallMs: () => 0, maxLooked: 2 }));
    admin = await testAdmin(testStores(store), faults);
    for (let i = 0; i < 50; i++) await append('s', [{ type: i === 20 || i === 49 ? 'rare' : 'usual' }]);
    const first = (await get('/default/events?types=rare')).body;
    expect([positions(first), first.next]).toEqual([[20], 32]);
    const second = (await get(`/default/events?types=rare&from=${first.next}`)).body;
    expect([positions(second), second.next]).toEqual([[49], null]);
    expect(positions((await get('/default/events?types=rare&limit=1')).body)).toEqual([20]);
  });

  it('gives one event, and says where there is none', async () => {
    await fill();
    expect((await get(`/default/events/${ID}3`)).body).toMatchObject({ id: `${ID}3`, position: 3, data: { i: 3 } });
    expect((await get(`/default/events/${ID}f`)).body.error.code).toBe('event_not_found');
    for (const form of ['application/json', 'application/x-ndjson']) {
      const missing = await get('/default/streams/none/events', { accept: form });
      expect([missing.status, missing.body.error]).toMatchObject([404, { code: 'stream_not_found', stream: 'none' }]);
    }
  });

  it.each([
    'limit=0',
    'limit=1001',
    'from=-1',
    'from=x',
    'from=now',
    'direction=up',
    'unknown=1',
    'match=any',
    'tags=a,&match=any',
    'query={',
    'query={}',
    'since=yesterday',
    'until=2026-13-01',
    'selector={"kind":"all"}',
  ])('refuses %s', async (query) => {
    const { status, body } = await get(`/default/events?${query}`);
    expect([status, body.error.code]).toEqual([400, 'bad_request']);
  });
});

describe('streams', () => {
  it('are listed by prefix and page, and shown one by one', async () => {
    await fill();
    const first = (await get('/default/streams?limit=1')).body;
    expect([first.streams[0].stream, first.next]).toEqual(['order-1', 'order-1']);
    const { body } = await get(`/default/streams?after=${first.next}&prefix=order`);
    expect(body).toMatchObject({ streams: [{ stream: 'order/ü 2', version: 4, count: 5, exists: true }], next: null });
    const one = (await get('/default/streams/order-1')).body;
    expect(one).toMatchObject({ version: 4, tombstoned: false });
    expect(Date.parse(one.created)).toBeLessThanOrEqual(Date.parse(one.lastWritten));
    expect((await get('/default/streams/none')).body.error.code).toBe('stream_not_found');
  });

  it('know their version at a time', async () => {
    await fill();
    const [, second] = (await get('/default/streams/order-1/events')).body.events;
    const at = async (time: string | number) => (await get(`/default/streams/order-1/version?at=${time}`)).body.version;
    expect(await at('2000-01-01T00:00:00Z')).toBe(-1);
    expect(await at(second.time)).toBe(await at(second.timeUs));
    expect(await at('2999-01-01')).toBe(4);
    expect((await get('/default/streams/order-1/version')).status).toBe(400);
  });

  it('are deleted, for now or for good', async () => {
    await fill();
    expect((await call('DELETE', '/default/streams/order-1?expectedVersion=3')).body.error.code).toBe(
      'wrong_expected_version',
    );
    expect(await call('DELETE', '/default/streams/order-1?expectedVersion=4')).toMatchObject({
      status: 200,
      body: { version: 4 },
    });
    const deleted = await get('/default/streams/order-1/events');
    expect([deleted.status, deleted.body.error.code]).toEqual([404, 'stream_deleted']);
    expect((await append('order-1', [{ type: 't' }])).body.version).toBe(5);
    await call('DELETE', '/default/streams/order-1?tombstone=true');
    const gone = await append('order-1', [{ type: 't' }]);
    expect([gone.status, gone.body.error.code]).toEqual([410, 'stream_tombstoned']);
    expect((await get('/default/events')).body.events).toHaveLength(11);
  });
});

describe('snapshots', () => {
  it('are saved, loaded, listed and deleted', async () => {
    await fill();
    const path = `/default/snapshots/${encodeURIComponent('order/ü 2')}`;
    expect((await call('PUT', path, { version: 1, data: { sum: 1 } })).body).toMatchObject({ version: 1 });
    await call('PUT', path, { version: 3, data: [3], metadata: { by: 'x' } });
    expect((await get(path)).body).toMatchObject({ stream: 'order/ü 2', version: 3, data: [3], metadata: { by: 'x' } });
    expect((await get(`${path}?version=2`)).body).toMatchObject({ version: 1, data: { sum: 1 }, metadata: null });
    expect((await get(`${path}?version=0`)).body.error.code).toBe('snapshot_not_found');
    const first = (await get(`${path}/list?limit=1`)).body;
    expect([first.snapshots[0].version, first.next]).not.toContain(null);
    expect((await get(`${path}/list?before=${first.next}`)).body).toMatchObject({
      snapshots: [{ version: 1 }],
      next: null,
    });
    expect((await call('PUT', path, { version: 9, data: 1 })).status).toBe(400);
    expect((await call('DELETE', `${path}?version=1`)).body).toEqual({ deleted: 1 });
    expect((await call('DELETE', path)).body).toEqual({ deleted: 1 });
  });
});

describe('causation', () => {
  it.each([
    ['effects', 4, [5]],
    ['cause', 4, [3]],
    ['chain', 3, [0, 1, 2, 3]],
    ['correlated', 3, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['graph', 8, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('%s of %i', async (what, of, expected) => {
    await fill();
    const { body } = await get(`/default/causation/${ID}${of}?what=${what}`);
    expect(positions(body)).toEqual(expected);
    expect([body.truncated, body.cyclic]).toEqual([false, false]);
    if (what === 'graph') expect([body.edges.length, body.roots]).toEqual([9, [`${ID}0`]]);
  });

  it('says when it was cut off, and when there is no such event', async () => {
    await fill();
    expect((await get(`/default/causation/${ID}3?what=correlated&limit=2`)).body.truncated).toBe(true);
    expect((await get(`/default/causation/${ID}f?what=chain`)).body.error.code).toBe('event_not_found');
    expect((await get(`/default/causation/${ID}3`)).status).toBe(400);
  });
});
