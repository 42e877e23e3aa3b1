import { PlexusError } from '@plexus/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import type { RealmProblem } from '../auth/federation/kept-realm.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import type { AdvertisementListing } from '../mesh/ports.ts';
import type { MeshPending, MeshStatus } from '../mesh/status.ts';
import { type OpenApi, untruths } from '../testing/openapi.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { testStores } from '../testing/test-store.ts';
import { meshWarnings } from './mesh-warnings.ts';
import type { MeshView } from './ports.ts';
import type { Admin } from './server.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let admin: Admin;
afterEach(() => admin.stop());

const clock = new FakeClock();
const serve = async (mesh?: MeshView): Promise<void> => {
  admin = await testAdmin(testStores(), [], clock, mesh === undefined ? {} : { mesh });
};

/** Every answer has to be as it is described. */
const get = async (url: string) => {
  const { statusCode: status, body, headers } = await admin.inject(url);
  const description = (await admin.inject('/openapi.json')).json() as OpenApi;
  const contentType = headers['content-type'];
  expect(untruths(description, { method: 'GET', url, status, contentType, body })).toEqual([]);
  return { status, body: JSON.parse(body) };
};
const api = (path: string) => get(`/api/v1${path}`);
const metrics = async (): Promise<string[]> =>
  (await admin.inject('/metrics')).body.split('\n').filter((line) => line.startsWith('plexus_mesh_'));

const realm = (name: string, more: Partial<RealmProblem> = {}): RealmProblem => ({
  realm: name,
  authorityKey: 'key',
  problem: null,
  tokenFile: null,
  revocationsFile: null,
  issue: 7,
  issuedAtMs: clock.wallMs(),
  notAfterMs: clock.wallMs() + 10 * DAY_MS,
  revocations: null,
  ...more,
});

const status = (more: Partial<MeshStatus> = {}): MeshStatus => ({
  mode: 'client',
  directoryPeers: 20,
  directoryRecords: 5,
  outOfReach: false,
  reachability: { reachable: false, basis: 'translated', relays: ['r'], reservations: null },
  realms: [
    realm('default'),
    realm('plant', {
      problem: 'expired',
      tokenFile: 'expired',
      revocations: { number: 3, issuedAtMs: clock.wallMs(), notAfterMs: clock.wallMs() + DAY_MS },
    }),
    realm('new', { problem: 'missing', tokenFile: 'missing', issue: null, issuedAtMs: null, notAfterMs: null }),
  ],
  peers: [
    { peerId: 'a', realms: ['default'], cluster: 'left', filters: 3, link: 'up' },
    { peerId: 'b', realms: [], cluster: null, filters: 0, link: 'none' },
    { peerId: 'c', realms: ['default'], cluster: null, filters: 1, link: 'up' },
  ],
  advertisements: { waiting: 1, advertising: 2, advertised: 3, failed: 4, sent: 5, failures: 6, refused: 7 },
  lookups: {
    keys: 1,
    running: 2,
    waiting: 3,
    queries: { subscriber: { first: 4, refresh: 5, renew: 6 }, publisher: { first: 7, refresh: 8, renew: 9 } },
    failed: 10,
    hits: 11,
    misses: 12,
    evictions: 13,
  },
  pending: { topics: 14, messages: 15, bytes: 16 },
  duplicates: 17,
  refusals: { stolen: 18, beyond_publish: 19 },
  ...more,
});

const meshOf = (more: Partial<MeshView> = {}, shown = status()): MeshView => ({
  health: () => shown,
  status: () => shown,
  lookup: async () => ({ keys: [], mayPublish: true, peers: [] }),
  advertisements: () => ({ items: [], next: null }),
  pending: () => ({ queries: [], topics: [] }),
  ...more,
});

describe('a node that takes no part in the mesh', () => {
  it('says so, and shows nothing', async () => {
    await serve();
    const { status, body } = await api('/mesh');
    expect(status).toBe(200);
    expect(body).toMatchObject({ enabled: false, nodeId: 'f00d', mode: null, directoryPeers: 0, outOfReach: false });
    expect(body).toMatchObject({ realms: [], peers: [], reachability: null, pending: { messages: 0 }, refusals: {} });
    expect((await api('/mesh/advertisements')).body).toEqual({ advertisements: [], next: null });
    const nothing = { queries: [], queryCount: 0, topics: [], topicCount: 0 };
    expect((await api('/mesh/pending')).body).toEqual(nothing);
    expect(await metrics()).toEqual([]);
  });

  it('looks nobody up', async () => {
    await serve();
    const { status, body } = await api('/mesh/lookup?topic=a');
    expect([status, body.error.code]).toEqual([409, 'not_in_mesh']);
  });

  it('has no warnings', async () => {
    await serve();
    expect(await get('/health/ready')).toEqual({ status: 200, body: { status: 'ready', warnings: [] } });
    expect((await api('/node')).body.warnings).toEqual([]);
  });
});

describe('the mesh', () => {
  it('is shown as the node sees it', async () => {
    await serve(meshOf());
    const { status: code, body } = await api('/mesh');
    expect(code).toBe(200);
    expect(body).toEqual({ enabled: true, nodeId: 'f00d', ...status() });
  });

  it('is shown where the network cannot tell who reaches it', async () => {
    await serve(meshOf({}, status({ reachability: null })));
    expect((await api('/mesh')).body.reachability).toBeNull();
  });
});

describe('a lookup', () => {
  it('says who wants a topic, key by key', async () => {
    const asked: string[][] = [];
    const keys = [
      { path: '', isComplete: true, subscribers: ['a'] },
      { path: '/x', isComplete: false, subscribers: [] },
    ];
    const lookup: MeshView['lookup'] = async (...of) => {
      asked.push(of);
      return { keys, mayPublish: true, peers: ['a'] };
    };
    await serve(meshOf({ lookup }));
    expect((await api('/mesh/lookup?realm=plant&topic=x')).body).toEqual({
      realm: 'plant',
      topic: 'x',
      keys: [
        { path: '', complete: true, subscribers: ['a'] },
        { path: '/x', complete: false, subscribers: [] },
      ],
      mayPublish: true,
      peers: ['a'],
    });
    expect((await api('/mesh/lookup?topic=x%2Fy')).body.realm).toBe('default');
    expect(asked).toEqual([
      ['plant', 'x'],
      ['default', 'x/y'],
    ]);
  });

  it.each([
    ['', 'bad_request'],
    ['topic=', 'topic_invalid'],
    ['topic=a%2F%23', 'topic_invalid'],
    ['topic=%24SYS%2Fx', 'topic_invalid'],
    ['topic=a&realm=no%2Frealm', 'bad_request'],
    ['topic=a&more=1', 'bad_request'],
  ])('does not take the question %j', async (query, code) => {
    await serve(meshOf());
    const { status, body } = await api(`/mesh/lookup?${query}`);
    expect([status, body.error.code]).toEqual([400, code]);
  });

  it.each([
    ['realm_not_in_mesh', { realm: 'default', reason: 'x' }, 409],
    ['quota_exceeded', { limit: 'x' }, 429],
  ] as const)('may end with %s', async (code, details, httpStatus) => {
    await serve(
      meshOf({
        lookup: async () => {
          throw new PlexusError(code, details);
        },
      }),
    );
    const { status, body } = await api('/mesh/lookup?topic=a');
    expect([status, body.error.code]).toEqual([httpStatus, code]);
  });
});

describe('advertisements', () => {
  const all = Array.from(
    { length: 5 },
    (_, i): AdvertisementListing => ({
      kind: i % 2 === 0 ? 'subscriber' : 'publisher',
      realm: 'default',
      path: `/${i}`,
      state: 'advertised',
      advertisedAtMs: i === 0 ? null : 1_800_000_000_000,
      nextInMs: 0.5,
    }),
  );
  const paged: MeshView['advertisements'] = (after, limit) => ({
    items: all.slice(after, after + limit),
    next: after + limit < all.length ? after + limit : null,
  });

  it('come in pages', async () => {
    await serve(meshOf({ advertisements: paged }));
    const first = (await api('/mesh/advertisements?limit=3')).body;
    expect(first).toEqual({ advertisements: all.slice(0, 3), next: '3' });
    expect((await api('/mesh/advertisements?limit=3&cursor=3')).body).toEqual({
      advertisements: all.slice(3),
      next: null,
    });
    expect((await api('/mesh/advertisements')).body.advertisements).toHaveLength(5);
  });

  it.each(['limit=0', 'limit=1001', 'cursor=x', 'cursor=-1', 'cursor=', 'more=1'])('%s is refused', async (query) => {
    await serve(meshOf({ advertisements: paged }));
    const { status, body } = await api(`/mesh/advertisements?${query}`);
    expect([status, body.error.code]).toEqual([400, 'bad_request']);
  });
});

describe('what is pending', () => {
  const query = (path: string, ageMs: number): MeshPending['queries'][number] => ({
    kind: 'subscriber',
    realm: 'default',
    path,
    ageMs,
    leftMs: 1000.5,
    found: 1,
  });
  const waiting = (topic: string, ageMs: number) => ({ realm: 'default', topic, messages: 2, ageMs });

  it('is shown with the oldest first, and how many there are', async () => {
    const queries = [query('/a', 1), query('/b', 3), query('/c', 2)];
    await serve(meshOf({ pending: () => ({ queries, topics: [waiting('a', 5), waiting('b', 6.5)] }) }));
    expect((await api('/mesh/pending')).body).toEqual({
      queries: [query('/b', 3), query('/c', 2), query('/a', 1)],
      queryCount: 3,
      topics: [waiting('b', 6.5), waiting('a', 5)],
      topicCount: 2,
    });
    const { body } = await api('/mesh/pending?limit=1');
    expect(body).toMatchObject({ queries: [{ path: '/b' }], queryCount: 3, topics: [{ topic: 'b' }], topicCount: 2 });
    expect(body.queries).toHaveLength(1);
    for (const bad of ['limit=0', 'limit=1001', 'cursor=1']) {
      expect((await api(`/mesh/pending?${bad}`)).body.error.code).toBe('bad_request');
    }
  });
});

describe('warnings', () => {
  it('leave a node ready, and name each code once; the node says more', async () => {
    await serve(meshOf({}, status({ outOfReach: true })));
    expect(await get('/health/ready')).toEqual({
      status: 200,
      body: { status: 'ready', warnings: ['mesh_directory_unreachable', 'realm_token_missing'] },
    });
    const { body } = await api('/node');
    expect(body).toMatchObject({ ready: true, unmet: [] });
    expect(body.warnings).toEqual([
      { code: 'mesh_directory_unreachable', realm: null, message: expect.any(String) },
      { code: 'realm_token_missing', realm: 'plant', message: expect.stringContaining('expired') },
      { code: 'realm_token_missing', realm: 'new', message: expect.stringContaining('missing') },
    ]);
  });

  it('are not said of a node that is not ready', async () => {
    admin = await testAdmin(testStores(), [], clock, { mesh: meshOf(), readiness: { unmet: () => ['draining'] } });
    const { status, body } = await get('/health/ready');
    expect([status, body.error.code, body.error.unmet]).toEqual([503, 'not_ready', ['draining']]);
    expect(body.error.warnings).toBeUndefined();
  });

  const codes = (standing: Partial<RealmProblem>, nowMs: number): string[] =>
    meshWarnings({ outOfReach: false, realms: [realm('r', standing)] }, nowMs).map(({ code }) => code);

  it.each([
    // A tenth of its life, where that is less than a day.
    [HOUR_MS, 6 * 60_000],
    [7 * DAY_MS, 0.7 * DAY_MS],
    [365 * DAY_MS, DAY_MS],
  ])('come for a token that is valid for %i ms when %i ms are left', async (lifeMs, noticeMs) => {
    await serve();
    const token = { issuedAtMs: 0, notAfterMs: lifeMs };
    expect(codes(token, lifeMs - noticeMs)).toEqual([]);
    expect(codes(token, lifeMs - noticeMs + 1)).toEqual(['realm_token_expires_soon']);
    const revocations = { number: 1, issuedAtMs: 0, notAfterMs: lifeMs };
    const valid = { issuedAtMs: null, notAfterMs: null, revocations };
    expect(codes(valid, lifeMs - noticeMs)).toEqual([]);
    expect(codes(valid, lifeMs - noticeMs + 1)).toEqual(['realm_revocations_stale_soon']);
  });

  it('tell a list of revocations past its age from a token that does not hold', async () => {
    await serve();
    expect(codes({ problem: 'revocations_stale' }, 0)).toEqual(['realm_revocations_stale']);
    expect(codes({ problem: 'revoked' }, 0)).toEqual(['realm_token_missing']);
  });
});

describe('metrics', () => {
  it('are there for everything that is counted, and the same ones when asked again', async () => {
    await serve(meshOf());
    await metrics();
    expect((await metrics()).toSorted()).toEqual(
      [
        'plexus_mesh_directory_peers 20',
        'plexus_mesh_directory_records 5',
        'plexus_mesh_directory_out_of_reach 0',
        'plexus_mesh_reachable 0',
        'plexus_mesh_relays 1',
        // It relays nothing: a gauge without labels is 0 then.
        'plexus_mesh_relayed_reservations 0',
        'plexus_mesh_advertised_records_total 5',
        'plexus_mesh_advertisement_failures_total 6',
        'plexus_mesh_refused_advertisements_total 7',
        'plexus_mesh_failed_lookups_total 10',
        'plexus_mesh_lookup_hits_total 11',
        'plexus_mesh_lookup_misses_total 12',
        'plexus_mesh_lookup_evictions_total 13',
        'plexus_mesh_lookup_keys 1',
        'plexus_mesh_pending_lookups 5',
        'plexus_mesh_pending_topics 14',
        'plexus_mesh_pending_messages 15',
        'plexus_mesh_pending_bytes 16',
        'plexus_mesh_duplicates_total 17',
        `plexus_mesh_token_seconds_left{realm="default"} ${(10 * DAY_MS) / 1000}`,
        `plexus_mesh_token_seconds_left{realm="plant"} ${(10 * DAY_MS) / 1000}`,
        `plexus_mesh_revocations_seconds_left{realm="plant"} ${DAY_MS / 1000}`,
        'plexus_mesh_peers{link="up"} 2',
        'plexus_mesh_peers{link="lost"} 0',
        'plexus_mesh_peers{link="none"} 1',
        'plexus_mesh_advertisements{state="waiting"} 1',
        'plexus_mesh_advertisements{state="advertising"} 2',
        'plexus_mesh_advertisements{state="advertised"} 3',
        'plexus_mesh_advertisements{state="failed"} 4',
        'plexus_mesh_lookups_total{kind="subscriber",cause="first"} 4',
        'plexus_mesh_lookups_total{kind="subscriber",cause="refresh"} 5',
        'plexus_mesh_lookups_total{kind="subscriber",cause="renew"} 6',
        'plexus_mesh_lookups_total{kind="publisher",cause="first"} 7',
        'plexus_mesh_lookups_total{kind="publisher",cause="refresh"} 8',
        'plexus_mesh_lookups_total{kind="publisher",cause="renew"} 9',
        'plexus_mesh_refused_total{reason="stolen"} 18',
        'plexus_mesh_refused_total{reason="beyond_publish"} 19',
      ].toSorted(),
    );
  });

  it('of a token that is over go below zero', async () => {
    const over = realm('default', { problem: 'expired', notAfterMs: clock.wallMs() - 2000 });
    await serve(meshOf({}, status({ realms: [over] })));
    expect(await metrics()).toContain('plexus_mesh_token_seconds_left{realm="default"} -2');
  });
});
