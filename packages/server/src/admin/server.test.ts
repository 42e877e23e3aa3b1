import { request } from 'node:http';
import { connect } from 'node:net';
import { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { testStores } from '../testing/test-store.ts';
import type { AdminPorts, BrokerStats, ClientInfo, OutsideMessage } from './ports.ts';
import { type Admin, createAdmin } from './server.ts';

const client = (clientId: string): ClientInfo => ({
  realm: 'default',
  clientId,
  username: null,
  remoteAddress: '127.0.0.1:5',
  endpoint: null,
  listener: 'tcp',
  protocolVersion: 5,
  capabilities: {
    cleanStart: true,
    keepAliveS: 60,
    sessionExpiryS: 0,
    receiveMaximum: 65_535,
    maximumPacketBytes: 1024,
    topicAliasMaximum: 0,
    requestProblemInformation: true,
    will: false,
  },
  connectedSince: '2026-01-01T00:00:00.000Z',
  bytesIn: 1,
  bytesOut: 2,
  messagesIn: 3,
  messagesOut: 4,
  queuedMessages: 0,
  queuedBytes: 0,
  inFlight: 0,
  outboundBytes: 0,
  subscriptions: 1,
});

const stats: BrokerStats = {
  connections: 2,
  sessions: 3,
  subscriptions: 4,
  retainedMessages: 5,
  retainedBytes: 6,
  connectsTotal: 7,
  refused: { server_full: 8 },
  closed: { client_gone: 9 },
  messagesIn: [10, 11, 12],
  messagesOut: [0, 0, 0],
  publishBytesIn: [0, 0, 0],
  publishBytesOut: [0, 0, 0],
  bytesIn: 13,
  bytesOut: 14,
  dropped: { outbound_full: 15 },
  queuedMessages: 0,
  queuedBytes: 0,
  outboundBytes: 0,
  stalledBytes: 0,
  pausedPublishers: 0,
  incompleteBytes: 0,
};

const config = {
  host: '127.0.0.1',
  httpPort: 0,
  httpHosts: ['plexus.example.org'],
  maxPacketBytes: 1024,
  maxTopicBytes: 100,
  maxTopicLevels: 10,
};

let admin: Admin;
let calls: unknown[];
let unmet: string[];
let outcome: 'accepted' | 'refused';

beforeEach(async () => {
  calls = [];
  unmet = [];
  outcome = 'accepted';
  const known = 'a/ü %';
  const ports: AdminPorts = {
    node: {
      describe: () => ({
        nodeId: 'f00d',
        pid: 1,
        version: '0.1.0',
        mqttPort: 1883,
        mqttsPort: null,
        httpPort: 8080,
        peerPort: null,
        peerAddresses: [],
        startedAt: '2026-01-01T00:00:00.000Z',
        uptimeS: 1.5,
      }),
    },
    clients: {
      list(query) {
        calls.push(query);
        if (query.after === 'rubbish') throw new PlexusError('bad_request', { reason: 'cursor' });
        return { items: [client(known)], next: 'more' };
      },
      get: (realm, clientId) => (realm === 'default' && clientId === known ? client(known) : null),
      kick: (_realm, clientId) => clientId === known,
      broadcast(...args) {
        calls.push(args);
        return 3;
      },
    },
    sessions: { list: (query) => ({ items: [], next: query.after }) },
    publisher: {
      async publish(realm: string, message: OutsideMessage) {
        calls.push([realm, { ...message, payload: Buffer.from(message.payload).toString() }]);
        return { outcome, matched: 2 };
      },
    },
    stats: { snapshot: () => stats },
    readiness: { unmet: () => unmet },
    stores: testStores(),
    localInterest: { match: () => ({ subscribed: false, shares: [] }) },
    clock: systemClock,
    log: { error: (details) => calls.push(details) },
  };
  admin = await createAdmin(ports, config);
});
afterEach(() => admin.stop());

const get = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await admin.inject({ url, headers });
  return { status: answer.statusCode, text: answer.body, body: answer.body.startsWith('{') ? answer.json() : null };
};
const post = async (url: string, payload: object) => {
  const answer = await admin.inject({ method: 'POST', url, payload });
  return { status: answer.statusCode, body: answer.json() };
};

describe('health and metrics', () => {
  it('says live, and ready or what is missing', async () => {
    expect((await get('/health/live')).body).toEqual({ status: 'live' });
    expect((await get('/health/ready')).status).toBe(200);
    unmet = ['listeners'];
    const { status, body } = await get('/health/ready');
    expect([status, body.error.code, body.error.unmet]).toEqual([503, 'not_ready', ['listeners']]);
  });

  it('gives the numbers of the broker, and the same ones when asked again', async () => {
    await get('/metrics');
    const { text } = await get('/metrics');
    for (const line of [
      'plexus_connections 2',
      'plexus_connects_total 7',
      'plexus_messages_received_total{qos="1"} 11',
      'plexus_refused_connections_total{reason="server_full"} 8',
      'plexus_dropped_messages_total{reason="outbound_full"} 15',
      'plexus_ready 1',
      'plexus_info{version="0.1.0",node_id="f00d"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('plexus_event_loop_delay_seconds{quantile="0.99"}');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('describes every route that it has, except those for people', async () => {
    const { body } = await get('/openapi.json');
    const described = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const hidden = ['GET /', 'GET /assets/:name', 'GET /openapi.json'];
    expect(admin.routes.toSorted()).toEqual([...described, ...hidden].toSorted());
  });

  it('describes itself', async () => {
    const { body } = await get('/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/health/live', '/metrics', '/api/v1/clients/{realm}/{clientId}', '/api/v1/publish']),
    );
    const { body: node } = await get('/api/v1/node');
    expect(node).toMatchObject({ nodeId: 'f00d', ready: true, stats: { connections: 2, refused: { server_full: 8 } } });
  });
});

describe('clients', () => {
  it('are listed by page', async () => {
    const { body } = await get('/api/v1/clients?realm=default&endpoint=http%3A%2F%2Fx&cursor=abc&limit=5');
    expect(body).toEqual({ clients: [client('a/ü %')], next: 'more' });
    await get('/api/v1/clients');
    expect(calls).toEqual([
      { realm: 'default', endpoint: 'http://x', after: 'abc', limit: 5 },
      { after: null, limit: 100 },
    ]);
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'limit=', 'unknown=1', 'cursor=rubbish'])(
    '%s is refused',
    async (query) => {
      const { status, body } = await get(`/api/v1/clients?${query}`);
      expect([status, body.error.code]).toEqual([400, 'bad_request']);
    },
  );

  it('are found and kicked by a percent-encoded id', async () => {
    const path = `/api/v1/clients/default/${encodeURIComponent('a/ü %')}`;
    expect((await get(path)).body.clientId).toBe('a/ü %');
    expect((await admin.inject({ method: 'DELETE', url: path })).statusCode).toBe(204);
    const { status, body } = await get('/api/v1/clients/default/other');
    expect([status, body.error]).toMatchObject([404, { code: 'client_not_found', clientId: 'other' }]);
    expect((await get(`/api/v1/clients/default/${'%41'.repeat(4000)}`)).body.error.code).toBe('client_not_found');
    expect((await get('/api/v1/clients/default/%zz')).status).toBe(400);
  });

  it('are broadcast to', async () => {
    const { body } = await post('/api/v1/clients/broadcast', { realm: 'plant', topic: 't', payload: 'hé' });
    expect(body).toEqual({ clients: 3 });
    expect(calls).toEqual([['plant', 't', Buffer.from('hé')]]);
  });
});

describe('sessions', () => {
  it('are listed by page', async () => {
    expect((await get('/api/v1/sessions?cursor=x')).body).toEqual({ sessions: [], next: 'x' });
  });
});

describe('publish', () => {
  it('hands the message in, with what is given and defaults', async () => {
    expect((await post('/api/v1/publish', { topic: 'a/b', payload: '' })).body).toEqual({
      outcome: 'accepted',
      matched: 2,
    });
    const userProperties = [
      ['k', '1'],
      ['k', '2'],
    ];
    const properties = { contentType: 'text/plain', messageExpiryS: 5, userProperties };
    const message = { realm: 'plant', topic: 'a', payloadBase64: 'aMOp', qos: 1, retain: true };
    await post('/api/v1/publish', { ...message, ...properties });
    expect(calls).toEqual([
      ['default', { topic: 'a/b', payload: '', qos: 0, retain: false }],
      [
        'plant',
        {
          topic: 'a',
          payload: 'hé',
          qos: 1,
          retain: true,
          properties: { contentType: 'text/plain', messageExpiryIntervalS: 5, userProperties },
        },
      ],
    ]);
  });

  it('says when it was refused', async () => {
    outcome = 'refused';
    const { status, body } = await post('/api/v1/publish', { topic: 'a', payload: 'x' });
    expect([status, body.error.code]).toEqual([429, 'queue_full']);
  });

  it.each([
    [{ topic: '$SYS/x', payload: '' }, 400, 'topic_invalid'],
    [{ topic: 'a/#', payload: '' }, 400, 'topic_invalid'],
    [{ topic: '', payload: '' }, 400, 'topic_invalid'],
    [{ topic: 'x'.repeat(101), payload: '' }, 400, 'topic_invalid'],
    [{ payload: '' }, 400, 'bad_request'],
    [{ topic: 'a' }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', payloadBase64: '' }, 400, 'bad_request'],
    [{ topic: 'a', payloadBase64: 'a-_b' }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', qos: 3 }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', qos: '1' }, 400, 'bad_request'],
    [{ topic: 'a', payload: 1 }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', retained: true }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', contentType: '\0' }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', responseTopic: '+' }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', realm: 'no/realm' }, 400, 'bad_request'],
    [{ topic: 'a', payload: '', userProperties: [['a']] }, 400, 'bad_request'],
    [{ topic: 'a', payload: 'x'.repeat(1025) }, 413, 'payload_too_large'],
    [{ topic: 'a', payload: 'x'.repeat(100_000) }, 413, 'payload_too_large'],
  ])('refuses %j', async (message, status, code) => {
    const answer = await post('/api/v1/publish', message);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(calls).toEqual([]);
  });

  it('takes JSON only', async () => {
    const headers = { 'content-type': 'text/plain' };
    const answer = await admin.inject({ method: 'POST', url: '/api/v1/publish', headers, payload: '{"topic":"a"}' });
    expect([answer.statusCode, answer.json().error.code]).toEqual([415, 'unsupported_media_type']);
    headers['content-type'] = 'application/json';
    const broken = await admin.inject({ method: 'POST', url: '/api/v1/publish', headers, payload: '{' });
    expect([broken.statusCode, broken.json().error.code]).toEqual([400, 'bad_request']);
  });
});

describe('the host rule', () => {
  it.each([
    [{ host: 'localhost:8080' }, 200],
    [{ host: '127.0.0.1' }, 200],
    [{ host: '[::1]:8080' }, 200],
    [{ host: 'Plexus.Example.org:1' }, 200],
    [{ host: 'localhost', origin: 'http://localhost:3000' }, 200],
    [{ host: 'localhost', origin: 'https://plexus.example.org' }, 200],
    [{ host: 'evil.example' }, 403],
    [{ host: '127.0.0.1.evil.example' }, 403],
    [{ host: 'localhost@evil.example' }, 403],
    [{ host: 'localhost', origin: 'http://evil.example' }, 403],
    [{ host: 'localhost', origin: 'null' }, 403],
  ])('%j: %i', async (headers: Record<string, string>, status) => {
    expect((await get('/api/v1/node', headers)).status).toBe(status);
    expect((await get('/metrics', headers)).status).toBe(status);
    expect((await get('/nowhere', headers)).status).toBe(status === 200 ? 404 : 403);
    expect((await get('/health/live', headers)).status).toBe(200);
  });
});

describe('over a socket', () => {
  it('listens on a free port, answers, and says when an address is taken', async () => {
    const port = await admin.listen();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: '/health/live' }, (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
    const ports = { ...(await portsOf()), log: { error: () => {} } };
    const second = await createAdmin(ports, { ...config, httpPort: port });
    await expect(second.listen()).rejects.toMatchObject({ code: 'address_in_use', details: { key: 'httpPort', port } });
    await second.stop();
  });

  it('answers bytes that are no HTTP in the form of every error', async () => {
    const port = await admin.listen();
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('\x10\x0c\x00\x04MQTT\r\n\r\n'));
      socket.on('data', (chunk) => (received += chunk));
      socket.on('end', () => resolve(received)).on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1]!).error.code).toBe('bad_request');
  });
});

/** The least that lets a second server be built. */
async function portsOf(): Promise<Omit<AdminPorts, 'log'>> {
  const { body } = await get('/api/v1/node');
  return {
    node: { describe: () => body },
    clients: { list: () => ({ items: [], next: null }), get: () => null, kick: () => false, broadcast: () => 0 },
    sessions: { list: () => ({ items: [], next: null }) },
    publisher: { publish: async () => ({ outcome: 'accepted', matched: 0 }) },
    stats: { snapshot: () => stats },
    readiness: { unmet: () => [] },
    stores: testStores(),
    localInterest: { match: () => ({ subscribed: false, shares: [] }) },
    clock: systemClock,
  };
}
