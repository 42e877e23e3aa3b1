import { afterEach, describe, expect, it } from 'vitest';
import type { MemberListing } from '../cluster/ports.ts';
import type { LinkInfo } from '../peer/link-ports.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { testStores } from '../testing/test-store.ts';
import type { AdminPorts, ClusterView, PeersView } from './ports.ts';
import type { Admin } from './server.ts';

let admin: Admin;
afterEach(() => admin.stop());

const serve = async (more: Partial<AdminPorts>): Promise<void> => {
  admin = await testAdmin(testStores(), [], undefined, more);
};
const call = async (method: 'GET' | 'POST' | 'DELETE', path: string) => {
  const { statusCode, body } = await admin.inject({ method, url: `/api/v1${path}` });
  return { status: statusCode, body: body === '' ? null : JSON.parse(body) };
};
const get = (path: string) => call('GET', path);
const metrics = async (): Promise<string[]> =>
  (await admin.inject('/metrics')).body.split('\n').filter((line) => /^plexus_(link|peer|cluster)_/.test(line));

const link = (peerId: string, more: Partial<LinkInfo> = {}): LinkInfo => ({
  peerId,
  purpose: 'cluster',
  state: 'up',
  direction: 'outbound',
  transport: 'tcp',
  address: '/ip4/192.0.2.1/tcp/9443',
  incarnation: 1_800_000_000_000,
  version: 2,
  ageMs: 1000,
  idleMs: 10,
  roundTripMs: 0.5,
  bytesIn: 1,
  bytesOut: 2,
  framesIn: 3,
  framesOut: 4,
  queuedBytes: 5,
  heldBytes: 6,
  dropped: 7,
  resent: 8,
  duplicates: 9,
  losses: 10,
  pinned: true,
  ...more,
});
const member = (nodeId: string, more: Partial<MemberListing> = {}): MemberListing => ({
  nodeId,
  incarnation: 1_800_000_000_000,
  state: 'up',
  self: false,
  addresses: [`/ip4/192.0.2.1/tcp/9443`],
  link: 'up',
  sinceMs: 1_800_000_000_100,
  filters: 3,
  groupMembers: 2,
  ...more,
});
const peersOf = (links: readonly LinkInfo[], removed: string[] = []): PeersView => ({
  links: () => links,
  remove: (peerId) => removed.push(peerId),
  refusals: () => ({ wrong_secret: 4 }),
});
const clusterOf = (members: readonly MemberListing[], more: Partial<ClusterView> = {}): ClusterView => ({
  name: 'demo',
  members: () => [member('me', { self: true, link: null }), ...members],
  status: () => ({ sought: ['a:9443'], sameIdentity: 1, resyncs: 2 }),
  route: () => ({ nodes: [], shares: [] }),
  leave: async () => {},
  ...more,
});

describe('a node in no cluster', () => {
  it('has no peers, and is all that there is', async () => {
    await serve({});
    expect((await get('/peers')).body).toEqual({ peers: [], next: null });
    const { body } = await get('/cluster');
    expect(body).toMatchObject({ name: null, members: [{ nodeId: 'f00d', state: 'up', self: true, link: null }] });
    expect(body.members).toHaveLength(1);
  });

  it('cannot leave any', async () => {
    await serve({});
    const { status, body } = await call('POST', '/cluster/leave');
    expect([status, body.error.code]).toEqual([409, 'not_in_cluster']);
  });

  it('still says who on it wants a topic', async () => {
    const shares = [{ key: '$share/g/a/+', count: { online: 1, away: 2 } }];
    await serve({ localInterest: { match: (realm) => ({ subscribed: realm === 'plant', shares }) } });
    const { body } = await get('/cluster/interest?realm=plant&topic=a%2Fb');
    const holders = [{ nodeId: 'f00d', self: true, online: 1, away: 2 }];
    const expected = { realm: 'plant', topic: 'a/b', local: true, nodes: [] };
    expect(body).toEqual({ ...expected, shares: [{ share: '$share/g/a/+', holders }] });
    expect((await get('/cluster/interest?topic=a')).body).toMatchObject({ realm: 'default', local: false });
  });
});

describe('peers', () => {
  it('are the members, and who has a link, in order of their ids', async () => {
    const links = [
      link('c', { purpose: 'mesh', pinned: false, roundTripMs: null }),
      link('b'),
      link('b', { purpose: 'store' }),
    ];
    await serve({
      peers: peersOf(links),
      cluster: clusterOf([member('d', { state: 'down', link: null }), member('b')]),
    });
    const { status, body } = await get('/peers');
    expect(status).toBe(200);
    expect(body.peers).toMatchObject([
      { peerId: 'b', member: 'up', links: [{ purpose: 'cluster' }, { purpose: 'store' }] },
      { peerId: 'c', member: null, addresses: [], links: [{ purpose: 'mesh', roundTripMs: null, pinned: false }] },
      { peerId: 'd', member: 'down', links: [] },
    ]);
    const { peerId: _, ...shown } = link('b');
    expect(body.peers[0].links[0]).toEqual(shown);
  });

  it('come in pages', async () => {
    await serve({ peers: peersOf(['d', 'a', 'c', 'b'].map((id) => link(id))), cluster: clusterOf([]) });
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const { body }: { body: { peers: { peerId: string }[]; next: string | null } } = await get(
        `/peers?limit=3${next === '' ? '' : `&cursor=${next}`}`,
      );
      seen.push(...body.peers.map(({ peerId }) => peerId), '|');
      next = body.next;
    }
    expect(seen.join('')).toBe('abc|d|');
    expect((await get('/peers?limit=4')).body.next).toBeNull();
    expect((await get('/peers?limit=0')).status).toBe(400);
  });

  it('are removed, unless they are members', async () => {
    const removed: string[] = [];
    const links = [
      link('a', { pinned: false, purpose: 'mesh' }),
      link('b'),
      link('c'),
      link('c', { purpose: 'mesh', pinned: false }),
    ];
    await serve({ peers: peersOf(links, removed), cluster: clusterOf([member('b'), member('c')]) });
    expect((await call('DELETE', '/peers/a')).status).toBe(204);
    expect((await call('DELETE', '/peers/c')).status).toBe(204);
    expect((await call('DELETE', '/peers/b')).body.error.code).toBe('peer_is_member');
    expect((await call('DELETE', '/peers/e')).body.error.code).toBe('peer_not_found');
    expect(removed).toEqual(['a', 'c']);
  });
});

describe('a cluster', () => {
  it('shows its members', async () => {
    await serve({ cluster: clusterOf([member('b', { state: 'joining', link: 'lost' })]) });
    const { body } = await get('/cluster');
    expect(body).toEqual({
      name: 'demo',
      sought: ['a:9443'],
      members: [member('me', { self: true, link: null }), member('b', { state: 'joining', link: 'lost' })],
    });
  });

  it('tells where a message would go', async () => {
    const count = { online: 2, away: 0 };
    const route = {
      nodes: ['b', 'c'],
      shares: [
        { key: '$share/g/#', holders: [{ nodeId: 'b', count }] },
        { key: '$share/h/#', holders: [{ nodeId: 'c', count }] },
      ],
    };
    const asked: string[][] = [];
    const cluster = clusterOf([], {
      route(...of) {
        asked.push(of);
        return route;
      },
    });
    const shares = [{ key: '$share/g/#', count: { online: 1, away: 1 } }];
    await serve({ cluster, localInterest: { match: () => ({ subscribed: false, shares }) } });
    expect((await get('/cluster/interest?topic=x%2Fy')).body).toEqual({
      realm: 'default',
      topic: 'x/y',
      local: false,
      nodes: ['b', 'c'],
      shares: [
        {
          share: '$share/g/#',
          holders: [
            { nodeId: 'me', self: true, online: 1, away: 1 },
            { nodeId: 'b', self: false, ...count },
          ],
        },
        { share: '$share/h/#', holders: [{ nodeId: 'c', self: false, ...count }] },
      ],
    });
    expect(asked).toEqual([['default', 'x/y']]);
  });

  it.each([
    ['', 'bad_request'],
    ['topic=a%2F%23', 'topic_invalid'],
    ['topic=', 'topic_invalid'],
    ['topic=a&realm=no%2Frealm', 'bad_request'],
    ['topic=a&more=1', 'bad_request'],
  ])('does not take the question %j', async (query, code) => {
    await serve({ cluster: clusterOf([]) });
    const { status, body } = await get(`/cluster/interest?${query}`);
    expect([status, body.error.code]).toEqual([400, code]);
  });

  it('is left, and answers when that is done', async () => {
    let left = false;
    await serve({
      cluster: clusterOf([], {
        leave: async () => {
          await null;
          left = true;
        },
      }),
    });
    expect(await call('POST', '/cluster/leave')).toEqual({ status: 204, body: null });
    expect(left).toBe(true);
  });
});

describe('the stores of a cluster', () => {
  const store = (name: string, more: object = {}) => ({
    name,
    realm: 'default',
    id: 'f81d4fae-7dec-71d0-a765-00a0c91e6bf6',
    nodeId: 'b' as string | null,
    mode: 'single' as const,
    healthy: true,
    problem: null,
    conflict: false,
    lastPosition: 7 as number | null,
    events: 8 as number | null,
    streams: 1 as number | null,
    bytes: 4096 as number | null,
    writerQueueBytes: 0 as number | null,
    workers: [{ id: 'w', role: 'writer' as const, load: 2, restarts: 1 }],
    ...more,
  });

  it('are listed with where they are', async () => {
    const gone = { nodeId: null, healthy: false, problem: 'no node has it open', lastPosition: null, events: null };
    const listing = [store('orders'), store('gone', gone), store('plans', { realm: 'plant', conflict: true })];
    await serve({ clusterStores: { listing: async () => listing, conflicts: 1 } });
    const { status, body } = await get('/stores?realm=default');
    expect(status).toBe(200);
    const { id, nodeId, ...same } = store('orders');
    expect(body.stores[0]).toEqual({ ...same, uuid: id, node: nodeId });
    expect(body.stores[1]).toMatchObject({
      name: 'gone',
      node: null,
      healthy: false,
      lastPosition: null,
      events: null,
    });
    expect(body.stores).toHaveLength(2);
    expect((await get('/stores?realm=plant')).body.stores).toMatchObject([{ name: 'plans', conflict: true }]);
    expect(await metrics()).toContain('plexus_cluster_store_conflicts 1');
  });

  it('of a node alone are its own', async () => {
    await serve({});
    expect((await get('/stores')).body).toEqual({ stores: [], next: null });
    expect((await metrics()).join()).not.toContain('store_conflicts');
  });
});

describe('metrics', () => {
  it('are there for each link, and for the cluster', async () => {
    const links = [link('b'), link('c', { purpose: 'mesh', state: 'lost', roundTripMs: null })];
    const members = [member('b'), member('c', { state: 'down', filters: 4, groupMembers: 5 })];
    await serve({ peers: peersOf(links), cluster: clusterOf(members) });
    await metrics();
    const lines = await metrics();
    const labels = '{peer="b",purpose="cluster"}';
    for (const line of [
      `plexus_link_up${labels} 1`,
      `plexus_link_received_bytes_total${labels} 1`,
      `plexus_link_sent_bytes_total${labels} 2`,
      `plexus_link_received_frames_total${labels} 3`,
      `plexus_link_sent_frames_total${labels} 4`,
      `plexus_link_queued_bytes${labels} 5`,
      `plexus_link_held_bytes${labels} 6`,
      `plexus_link_dropped_messages_total${labels} 7`,
      `plexus_link_resent_frames_total${labels} 8`,
      `plexus_link_duplicates_total${labels} 9`,
      `plexus_link_losses_total${labels} 10`,
      `plexus_link_round_trip_seconds${labels} 0.0005`,
      'plexus_link_up{peer="c",purpose="mesh"} 0',
      'plexus_peer_refused_total{reason="wrong_secret"} 4',
      'plexus_cluster_members{state="up"} 2',
      'plexus_cluster_members{state="down"} 1',
      'plexus_cluster_members{state="joining"} 0',
      'plexus_cluster_remote_filters 7',
      'plexus_cluster_remote_group_members 7',
      'plexus_cluster_same_identity_total 1',
      'plexus_cluster_resyncs_total 2',
    ]) {
      expect(lines).toContain(line);
    }
    // None was measured yet.
    expect(lines.filter((line) => line.startsWith('plexus_link_round_trip_seconds'))).toHaveLength(1);
  });

  it('of a link go with it', async () => {
    const links = [link('b')];
    await serve({ peers: peersOf(links) });
    expect((await metrics()).filter((line) => line.includes('peer="b"'))).toHaveLength(12);
    links.pop();
    expect((await metrics()).filter((line) => line.includes('peer="b"'))).toEqual([]);
  });
});
