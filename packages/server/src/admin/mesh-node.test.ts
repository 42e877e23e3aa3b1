import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DEFAULT_EPOCH_MS, DEFAULT_OVERLAP_MS } from '../auth/federation/epochs.ts';
import { RealmAuthority } from '../auth/federation/realm-authority.ts';
import { tokenDocument } from '../auth/federation/realm-documents.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../lib/log.ts';
import { type PlexusNode, startNode } from '../node.ts';
import { loadIdentity } from '../peer/identity.ts';
import { type OpenApi, untruths } from '../testing/openapi.ts';

const HOUR_MS = 3_600_000;
const WAIT = { timeout: 15_000, interval: 50 };

const directory = mkdtempSync(join(tmpdir(), 'plexus-mesh-admin-'));
const lengths = { epochMs: DEFAULT_EPOCH_MS, overlapMs: DEFAULT_OVERLAP_MS };
const authority = RealmAuthority.create({ realm: 'default', ...lengths }, randomBytes, Date.now());

/** A node of the mesh, with a token of the realm unless it is to do without. */
async function meshNode(name: string, meshJoin: readonly string[], hasToken = true): Promise<PlexusNode> {
  const dataDir = join(directory, name);
  mkdirSync(dataDir);
  const { peerId } = loadIdentity(dataDir);
  const tokenFile = join(directory, `${name}.token`);
  if (hasToken) {
    const rights = { subscribe: ['#'], publish: ['a/#'] };
    const { token, secrets } = authority.issue({ peerId, rights, lifeMs: HOUR_MS, cluster: null }, Date.now());
    writeFileSync(tokenFile, tokenDocument({ bytes: token.bytes, secrets }));
  }
  const realm = { name: 'default', federated: true, authorityKey: authority.authorityKey, tokenFile };
  const ports = { mqttPort: '0', httpPort: '0', peerPort: '0' };
  const config = loadConfig({
    flags: { ...ports, config: 'plexus.yaml', dataDir, mesh: true, reachable: 'yes', mdns: false, meshJoin },
    env: {},
    readFile: () => JSON.stringify({ realms: [realm], stores: [] }),
  });
  return startNode(config, { log: createLogger({ level: 'silent' }) });
}

const nodes: PlexusNode[] = [];
let openApi: OpenApi;

beforeAll(async () => {
  const first = await meshNode('first', []);
  nodes.push(first, await meshNode('second', [first.info.peerAddresses[0]!]));
  nodes.push(await meshNode('outsider', ['127.0.0.1:1'], false));
  openApi = (await get('/openapi.json')).body;
});
afterAll(async () => {
  for (const node of nodes) await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

// biome-ignore lint/suspicious/noExplicitAny: an answer is looked into member by member
async function get(path: string, at = 0): Promise<{ status: number; body: any; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${nodes[at]!.info.httpPort}${path}`);
  const text = await answer.text();
  if (path.startsWith('/api/') || path.startsWith('/health/')) {
    const contentType = answer.headers.get('content-type') ?? undefined;
    const exchange = { method: 'GET', url: path, status: answer.status, contentType, body: text };
    expect(untruths(openApi, exchange)).toEqual([]);
  }
  return { status: answer.status, body: path === '/metrics' ? null : JSON.parse(text), text };
}
const api = (path: string, at = 0) => get(`/api/v1${path}`, at);

describe('nodes of a mesh', () => {
  it('show themselves, find each other, and describe what they answer', async () => {
    const [first, second] = nodes as [PlexusNode, PlexusNode];
    const subscriber = await mqtt.connectAsync(`mqtt://127.0.0.1:${second.info.mqttPort}`, { protocolVersion: 5 });
    await subscriber.subscribeAsync(['a/+', 'b']);
    await vi.waitFor(async () => {
      const { body } = await api('/mesh', 1);
      expect(body).toMatchObject({ directoryPeers: 1, advertisements: { advertised: 2, refused: 0 } });
    }, WAIT);
    expect((await api('/mesh/advertisements?limit=1', 1)).body).toMatchObject({
      advertisements: [{ kind: 'subscriber', realm: 'default', path: '/a', state: 'advertised' }],
      next: '1',
    });

    const found = (await api('/mesh/lookup?topic=a%2Fx')).body;
    expect(found).toMatchObject({ mayPublish: true, peers: [second.info.nodeId] });
    expect(found.keys).toMatchObject([
      { path: '', complete: true, subscribers: [] },
      { path: '/a', complete: true, subscribers: [second.info.nodeId] },
      { path: '/a/x', complete: true, subscribers: [] },
    ]);
    const other = (await api('/mesh/lookup?topic=b')).body;
    expect(other).toMatchObject({ mayPublish: false, peers: [] });
    expect((await api('/mesh/advertisements')).body).toEqual({ advertisements: [], next: null });

    const { body } = await api('/mesh');
    expect(body).toMatchObject({
      enabled: true,
      nodeId: first.info.nodeId,
      mode: 'server',
      outOfReach: false,
      reachability: { reachable: true, basis: 'configured', relays: [], reservations: null },
      realms: [{ realm: 'default', authorityKey: authority.authorityKey, problem: null, issue: 1, revocations: null }],
      pending: { topics: 0, messages: 0, bytes: 0 },
    });
    expect(body.peers).toMatchObject([{ peerId: second.info.nodeId, realms: ['default'], cluster: null, link: 'up' }]);
    expect((await api('/mesh/pending')).body).toMatchObject({ queries: [], topics: [] });
    await subscriber.endAsync();
  });

  it('have their numbers among the metrics', async () => {
    const { text } = await get('/metrics', 1);
    for (const line of ['plexus_mesh_directory_peers 1', 'plexus_mesh_directory_out_of_reach 0']) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/^plexus_mesh_advertised_records_total [1-9]\d*$/m);
    expect(text).toMatch(/^plexus_mesh_token_seconds_left\{realm="default"\} 3[56]\d\d/m);
  });

  it('are ready without warnings', async () => {
    expect((await get('/health/ready', 1)).body).toEqual({ status: 'ready', warnings: [] });
  });
});

describe('a node without a token that reaches nobody', () => {
  it('is ready all the same, and warns', async () => {
    const { status, body } = await get('/health/ready', 2);
    const codes = ['mesh_directory_unreachable', 'realm_token_missing'];
    expect([status, body]).toEqual([200, { status: 'ready', warnings: codes }]);
    expect((await api('/node', 2)).body.warnings).toMatchObject(codes.map((code) => ({ code })));
    expect((await api('/mesh', 2)).body).toMatchObject({ outOfReach: true, realms: [{ problem: 'missing' }] });
  });

  it('looks nobody up', async () => {
    const { status, body } = await api('/mesh/lookup?topic=a', 2);
    expect([status, body.error.code]).toEqual([409, 'realm_not_in_mesh']);
    expect((await api('/mesh/lookup?topic=a&realm=other')).body.error.reason).toBe('it is not federated here');
  });
});
