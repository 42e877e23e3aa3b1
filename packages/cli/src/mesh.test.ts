import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from './program.ts';

let server: Server;
let url: string;
/** What the node answers, by path and query. */
let answers: Record<string, object>;

beforeEach(async () => {
  answers = {};
  server = createServer((request, reply) => {
    const answer = answers[request.url ?? ''];
    const body = answer ?? { error: { code: 'not_found', message: `Nothing is found at ${request.url}` } };
    const status = 'error' in body ? 409 : 200;
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function plexus(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run([...args, '--url', url], { stdin: Readable.from([]), stdout, stderr, env: {} });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

const none = { first: 0, refresh: 0, renew: 0 };
const mesh = {
  enabled: true,
  nodeId: 'me',
  mode: 'client',
  directoryPeers: 20,
  directoryRecords: 0,
  outOfReach: false,
  reachability: { reachable: false, basis: 'translated', relays: ['r1'], reservations: null },
  realms: [
    { realm: 'default', problem: null, issue: 7, notAfterMs: 1_800_000_000_000, revocations: { number: 3 } },
    { realm: 'plant', problem: 'missing', issue: null, notAfterMs: null, revocations: null },
  ],
  peers: [{ peerId: 'a', realms: ['default'], cluster: 'left\u001b[31m', filters: 3, link: 'up' }],
  advertisements: { waiting: 1, advertising: 0, advertised: 3, failed: 0, sent: 5, failures: 0, refused: 0 },
  lookups: {
    keys: 4,
    running: 1,
    waiting: 2,
    queries: { subscriber: { first: 4, refresh: 5, renew: 6 }, publisher: { first: 7, refresh: 8, renew: 9 } },
    failed: 10,
    hits: 11,
    misses: 12,
    evictions: 13,
  },
  pending: { topics: 14, messages: 15, bytes: 16 },
  duplicates: 17,
  refusals: { stolen: 18 },
};

describe('mesh status', () => {
  it('shows what a person wants to know', async () => {
    answers['/api/v1/mesh'] = mesh;
    const { code, out } = await plexus('mesh', 'status');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'node        me',
      'directory   client, knows 20 nodes, keeps 0 records',
      'reachable   no (translated); through r1',
      'advertised  1 waiting, 3 advertised',
      'lookups     39 asked, 10 failed, 1 under way, 2 waiting',
      'waiting     15 messages (16 bytes), 14 topics',
      'duplicates  17',
      'refused     stolen 18',
      '',
      'REALM    TOKEN    ISSUE  UNTIL                     REVOCATIONS',
      'default  in use   7      2027-01-15T08:00:00.000Z  3',
      'plant    missing',
      '',
      'PEER  LINK  CLUSTER         FILTERS  REALMS',
      // What a peer says of itself does not steer the terminal.
      'a     up    left\\u001b[31m  3        default',
      '',
    ]);
  });

  it('says when the directory is out of reach, and when nothing is going on', async () => {
    const lookups = { ...mesh.lookups, queries: { subscriber: none, publisher: none } };
    const advertisements = { waiting: 0, advertising: 0, advertised: 0, failed: 0, sent: 9, failures: 9, refused: 9 };
    const reachability = { reachable: true, basis: 'verified', relays: [], reservations: 2 };
    answers['/api/v1/mesh'] = { ...mesh, outOfReach: true, reachability, lookups, advertisements, refusals: {} };
    const { out } = await plexus('mesh', 'status');
    expect(out).toContain('OUT OF REACH');
    expect(out).toContain('reachable   yes (verified); relays for 2 nodes\n');
    expect(out).toContain('advertised  nothing\n');
    expect(out).toContain('refused     nothing\n');
  });

  it('says that a node takes no part', async () => {
    answers['/api/v1/mesh'] = { ...mesh, enabled: false };
    expect(await plexus('mesh', 'status')).toMatchObject({ code: 0, out: 'takes no part in the mesh\n' });
  });

  it('prints JSON', async () => {
    answers['/api/v1/mesh'] = mesh;
    expect(JSON.parse((await plexus('mesh', 'status', '--json')).out)).toEqual(mesh);
  });
});

describe('mesh lookup', () => {
  const search = {
    realm: 'plant',
    topic: 'a/b',
    keys: [
      { path: '', complete: true, subscribers: [] },
      { path: '/a', complete: false, subscribers: ['p1', 'p2'] },
    ],
    mayPublish: true,
    peers: ['p1'],
  };
  const path = '/api/v1/mesh/lookup?topic=a%2Fb&realm=plant';

  it('shows who wants a topic', async () => {
    answers[path] = search;
    const { code, out } = await plexus('mesh', 'lookup', 'a/b', '--realm', 'plant');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'realm plant, topic a/b',
      '',
      'KEY          COMPLETE  SUBSCRIBERS',
      '(the realm)  yes',
      'a            no        p1 p2',
      '',
      'a message would go to p1',
      '',
    ]);
    expect(JSON.parse((await plexus('mesh', 'lookup', 'a/b', '--realm', 'plant', '--json')).out)).toEqual(search);
  });

  it('says why nobody would get it', async () => {
    answers['/api/v1/mesh/lookup?topic=x'] = { ...search, peers: [] };
    expect((await plexus('mesh', 'lookup', 'x')).out).toContain('would go to nobody\n');
    answers['/api/v1/mesh/lookup?topic=x'] = { ...search, peers: [], mayPublish: false };
    expect((await plexus('mesh', 'lookup', 'x')).out).toContain('the token of the node does not let it publish there');
  });

  it('fails with the error of the node', async () => {
    answers[path] = { error: { code: 'not_in_mesh', message: 'This node takes no part in the mesh' } };
    const { code, err } = await plexus('mesh', 'lookup', 'a/b', '--realm', 'plant');
    expect([code, err]).toEqual([1, 'plexus: This node takes no part in the mesh (not_in_mesh)\n']);
  });
});

describe('mesh advertisements', () => {
  const one = {
    kind: 'subscriber',
    realm: 'default',
    path: '/a/b',
    state: 'advertised',
    advertisedAtMs: 1_800_000_000_000,
    nextInMs: 200_499,
  };
  const other = { ...one, kind: 'publisher', path: '', state: 'waiting', advertisedAtMs: null, nextInMs: 0 };

  it('shows all pages', async () => {
    answers['/api/v1/mesh/advertisements?limit=1000'] = { advertisements: [one], next: '7' };
    answers['/api/v1/mesh/advertisements?limit=1000&cursor=7'] = { advertisements: [other], next: null };
    const { code, out } = await plexus('mesh', 'advertisements');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'REALM    KEY          AS          STATE       ADVERTISED                AGAIN IN',
      'default  a/b          subscriber  advertised  2027-01-15T08:00:00.000Z  200.5 s',
      'default  (the realm)  publisher   waiting                               0.0 s',
      '',
    ]);
    const { out: json } = await plexus('mesh', 'advertisements', '--json');
    expect(JSON.parse(json)).toEqual({ advertisements: [one, other], next: null });
  });
});

describe('mesh pending', () => {
  const pending = {
    queries: [{ kind: 'subscriber', realm: 'default', path: '/a', ageMs: 1234, leftMs: 3766, found: 2 }],
    queryCount: 3,
    topics: [{ realm: 'default', topic: 'a/b', messages: 5, ageMs: 900 }],
    topicCount: 1,
  };

  it('shows queries, and topics with messages', async () => {
    answers['/api/v1/mesh/pending?limit=1000'] = pending;
    const { code, out } = await plexus('mesh', 'pending');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'REALM    KEY  FOR         AGE    LEFT   FOUND',
      'default  a    subscriber  1.2 s  3.8 s  2',
      'and 2 more',
      '',
      'REALM    TOPIC  MESSAGES  AGE',
      'default  a/b    5         0.9 s',
      '',
    ]);
    expect(JSON.parse((await plexus('mesh', 'pending', '--json')).out)).toEqual(pending);
  });
});

describe('status', () => {
  it('shows the warnings of a node', async () => {
    const stats = { connections: 1, sessions: 1, subscriptions: 1, retainedMessages: 1, queuedMessages: 1 };
    const warnings = [{ code: 'realm_token_missing', realm: 'plant', message: 'there is no token of realm plant' }];
    const ports = { mqttPort: 1, httpPort: 1, peerPort: 1 };
    answers['/api/v1/node'] = { nodeId: 'me', version: '1', uptimeS: 1, ready: true, unmet: [], ...ports, stats };
    answers['/api/v1/node'] = { ...answers['/api/v1/node'], warnings };
    const { code, out } = await plexus('status');
    expect(code).toBe(0);
    expect(out).toContain('state         ready\n');
    expect(out).toContain('warning       there is no token of realm plant\n');
    answers['/api/v1/node'] = { ...answers['/api/v1/node'], warnings: [] };
    expect((await plexus('status')).out).not.toContain('warning');
  });
});
