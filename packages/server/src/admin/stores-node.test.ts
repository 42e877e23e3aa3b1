import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenApi, untruths } from '../testing/openapi.ts';
import { type RealNode, realNode } from '../testing/real-node.ts';

const ID = '01890000-0000-7000-8000-00000000000';

let node: RealNode;
let base: string;
let openApi: OpenApi;

beforeAll(async () => {
  node = await realNode();
  base = `http://127.0.0.1:${node.node.info.httpPort}`;
  openApi = (await (await fetch(`${base}/openapi.json`)).json()) as OpenApi;
});
afterAll(() => node[Symbol.asyncDispose]());

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into member by member
  body: any;
  text: string;
}

/** Calls the node, and expects request and answer to be as the description says. */
async function call(method: string, path: string, payload?: object, accept = 'application/json'): Promise<Answer> {
  const url = `/api/v1/stores${path}`;
  const headers: Record<string, string> = { accept };
  if (payload !== undefined) headers['content-type'] = 'application/json';
  const answer = await fetch(base + url, {
    method,
    headers,
    ...(payload !== undefined && { body: JSON.stringify(payload) }),
  });
  const text = await answer.text();
  const contentType = answer.headers.get('content-type') ?? undefined;
  const exchange = { method, url, status: answer.status, contentType, body: text };
  expect(untruths(openApi, payload === undefined ? exchange : { ...exchange, requestBody: payload })).toEqual([]);
  return { status: answer.status, body: contentType?.startsWith('application/json') ? JSON.parse(text) : null, text };
}

describe('the description and a running node', () => {
  it('agree on everything that a store can be asked', async () => {
    const { status } = await call('POST', '/default/streams/o%2F1/events', {
      expectedVersion: 'none',
      events: [0, 1, 2, 3].map((i) => ({
        id: ID + i,
        type: i === 0 ? 'placed' : 'paid',
        data: { i },
        metadata: i === 1 ? { by: 'x' } : null,
        tags: ['x', `n${i}`],
        correlationId: 'c',
        causationId: i === 0 ? null : ID + (i - 1),
      })),
    });
    expect(status).toBe(201);
    await call('POST', '/default/streams/bytes/events', { events: [{ type: 'b', dataBase64: '/wA=' }] });
    const retry = { events: [{ id: `${ID}0`, type: 'placed', data: 'other' }] };
    expect((await call('POST', '/default/streams/o%2F1/events', retry)).body.error.code).toBe('event_id_conflict');
    const condition = { failIfEventsMatch: [{ tags: ['x'] }], after: -1 };
    const conditional = { events: [{ stream: 'z', type: 't' }], condition };
    expect((await call('POST', '/default/events', conditional)).status).toBe(409);
    expect((await call('POST', '/default/events', { writes: [{ stream: 'z', events: [{ type: 't' }] }] })).status).toBe(
      201,
    );

    const ok = [
      '',
      '/default',
      '/default/types',
      '/default/tags?prefix=n&limit=2',
      '/default/streams',
      '/default/streams/o%2F1',
      '/default/streams/o%2F1/version?at=2100-01-01',
      '/default/streams/o%2F1/events?direction=backwards&limit=2',
      '/default/events?tags=x&types=paid&streams=o*&since=2020-01-01',
      `/default/events/${ID}1`,
      `/default/causation/${ID}3?what=chain`,
      `/default/causation/${ID}0?what=graph&limit=2`,
    ];
    for (const path of ok) expect((await call('GET', path)).status, path).toBe(200);
    const notFound = ['/none', '/default/streams/none', '/default/streams/none/events', `/default/events/${ID}f`];
    for (const path of notFound) expect((await call('GET', path)).status, path).toBe(404);

    const snapshot = '/default/snapshots/o%2F1';
    await call('PUT', snapshot, { version: 1, data: { n: 1 } });
    for (const path of ['', '/list', '?version=3']) expect((await call('GET', snapshot + path)).status).toBe(200);
    expect((await call('GET', `${snapshot}?version=0`)).status).toBe(404);
    expect((await call('DELETE', snapshot)).body).toEqual({ deleted: 1 });
    expect((await call('POST', '/default/verify')).body).toEqual({ events: 6, streams: 3, faults: [] });
    expect((await call('DELETE', '/default/streams/z?tombstone=true')).body).toEqual({ version: 0 });
    expect((await call('POST', '/default/streams/z/events', { events: [{ type: 't' }] })).status).toBe(410);
  });

  it('agree on subscriptions', async () => {
    const one = '/default/subscriptions/jobs';
    await call('POST', '/default/subscriptions', {
      name: 'jobs',
      selector: { kind: 'tags', match: 'all', tags: ['x'] },
    });
    expect((await call('POST', '/default/subscriptions', { name: 'jobs', selector: { kind: 'all' } })).status).toBe(
      409,
    );
    const { body } = await call('POST', `${one}/pull`, { consumer: 'me', limit: 3, waitMs: 5000 });
    const positions: number[] = body.events.map((event: { position: number }) => event.position);
    expect(positions).toEqual([0, 1, 2]);
    await call('POST', `${one}/ack`, { consumer: 'me', positions: [0] });
    await call('POST', `${one}/nack`, { consumer: 'me', positions: [1], action: 'park', reason: 'no' });
    expect((await call('GET', `${one}/parked`)).body.parked).toHaveLength(1);
    expect((await call('POST', `${one}/parked/drop`, {})).body).toEqual({ dropped: 1 });
    expect((await call('POST', `${one}/parked/replay`, { positions: [1] })).body).toEqual({ replayed: 0 });
    for (const step of ['pause', 'resume']) expect((await call('POST', `${one}/${step}`)).status).toBe(200);
    expect((await call('POST', `${one}/reset`, { to: 'start' })).body.checkpoint).toBe(-1);
    expect((await call('POST', `${one}/leave`, { consumer: 'me' })).status).toBe(404);
    expect((await call('GET', '/default/subscriptions')).body.subscriptions).toHaveLength(1);
    expect((await call('GET', one)).status).toBe(200);
    expect((await call('DELETE', one)).status).toBe(204);
    expect((await call('GET', one)).status).toBe(404);
  });

  it('agree on lines and live streams, which show the same events as a page', async () => {
    const { body } = await call('GET', '/default/events');
    const lines = (await call('GET', '/default/events', undefined, 'application/x-ndjson')).text;
    expect(
      lines
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toEqual(body.events);
    const live = (await call('GET', `/default/events?limit=${body.events.length}`, undefined, 'text/event-stream'))
      .text;
    const shown = [...live.matchAll(/^id: (\d+)\ndata: (.*)$/gm)];
    expect(shown.map(([, , data]) => JSON.parse(data!))).toEqual(body.events);
    expect(shown.map(([, id]) => Number(id))).toEqual(
      body.events.map(({ position }: { position: number }) => position),
    );
  });

  it('live: what is appended comes at once, in the same form as from history', async () => {
    const stop = new AbortController();
    const answer = await fetch(`${base}/api/v1/stores/default/streams/live/events`, {
      headers: { accept: 'text/event-stream' },
      signal: stop.signal,
    });
    await call('POST', '/default/streams/live/events', { events: [{ type: 't', data: { x: 'é' }, tags: ['q'] }] });
    let text = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('data: ')) break;
    }
    const { events } = (await call('GET', '/default/streams/live/events')).body;
    expect(/data: (.*)\n/.exec(text)![1]).toBe(JSON.stringify(events[0]));
    stop.abort();
  });
});
