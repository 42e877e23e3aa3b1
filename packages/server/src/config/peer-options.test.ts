import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import type { Config } from './table.ts';

interface Given {
  flags?: Readonly<Record<string, unknown>>;
  env?: Readonly<Record<string, string>>;
  file?: string;
}

const load = ({ flags = {}, env = {}, file }: Given): Config =>
  loadConfig({
    flags: file === undefined ? flags : { config: 'plexus.yaml', ...flags },
    env,
    readFile: () => file ?? '',
  });

function faultOf(given: Given): PlexusError {
  try {
    load(given);
  } catch (error) {
    expect(error).toBeInstanceOf(PlexusError);
    return error as PlexusError;
  }
  throw new Error('was accepted');
}

const CLUSTER = { cluster: 'demo', clusterSecretFile: 'secret' };

describe('the peer port', () => {
  it('is 9443 with QUIC, and both can be changed', () => {
    expect(load({})).toMatchObject({ peerPort: 9443, quic: true, publicAddresses: [] });
    expect(load({ flags: { peerPort: '0', quic: false } })).toMatchObject({ peerPort: 0, quic: false });
    expect(load({ env: { PLEXUS_QUIC: 'false' } }).quic).toBe(false);
  });

  it('is one that no other listener has', () => {
    expect(faultOf({ flags: { peerPort: '1883' } }).details.key).toBe('peerPort');
    expect(load({ flags: { peerPort: '0', httpPort: '0' } }).peerPort).toBe(0);
  });
});

describe('a cluster', () => {
  it('has a name, a secret, and addresses to begin with', () => {
    const join = ['a:9443', '[2001:db8::1]:9443', '/ip4/192.0.2.1/tcp/9443', 'plexus-peers.default.svc'];
    expect(load({ flags: { ...CLUSTER, join } })).toMatchObject({ ...CLUSTER, join });
    expect(load({ flags: CLUSTER, env: { PLEXUS_JOIN: 'a:1, b:2' } }).join).toEqual(['a:1', 'b:2']);
    expect(load({ file: 'cluster: demo\nclusterSecretFile: s\njoin: [a]' }).join).toEqual(['a']);
    const { cluster, clusterSecretFile, join: none } = load({});
    expect([cluster, clusterSecretFile, none]).toEqual([null, null, []]);
  });

  it.each(['', '-a', 'a b', 'a/b', 'x'.repeat(65)])('is not called %j', (cluster) => {
    expect(faultOf({ flags: { ...CLUSTER, cluster } }).details.key).toBe('cluster');
  });

  it('has no store unless one is configured', () => {
    expect(load({ flags: CLUSTER }).stores).toEqual([]);
    const file = 'cluster: demo\nclusterSecretFile: s\nstores: [{name: orders}]';
    expect(load({ file }).stores).toMatchObject([{ name: 'orders' }]);
  });

  it('looks for members on the local network only where there is one', () => {
    expect(load({ flags: { host: '0.0.0.0' } }).mdns).toBe(false);
    expect(load({ flags: CLUSTER }).mdns).toBe(false);
    expect(load({ flags: { ...CLUSTER, host: '0.0.0.0' } }).mdns).toBe(true);
    expect(load({ flags: { ...CLUSTER, host: '0.0.0.0', mdns: false } }).mdns).toBe(false);
  });

  it.each([
    ['no secret', { cluster: 'demo' }, 'clusterSecretFile'],
    ['a secret without a cluster', { clusterSecretFile: 's' }, 'clusterSecretFile'],
    ['members without a cluster', { join: ['a:1'] }, 'join'],
    ['multicast without a cluster', { mdns: true }, 'mdns'],
    ['no address', { ...CLUSTER, join: ['http://a'] }, 'join'],
    ['an address without a name', { ...CLUSTER, join: ['a:1', ':9443'] }, 'join'],
    ['an IPv6 address without brackets', { ...CLUSTER, join: ['2001:db8::1'] }, 'join'],
    ['a multiaddr that leads nowhere', { ...CLUSTER, join: ['/tcp/9443'] }, 'join'],
    ['no public address', { publicAddresses: ['a:x'] }, 'publicAddresses'],
    ['a public address without a port', { publicAddresses: ['a'] }, 'publicAddresses'],
    ['heartbeats that come too late', { heartbeatIntervalMs: '3000' }, 'heartbeatIntervalMs'],
    ['packets that no link takes', { ...CLUSTER, linkCreditBytes: '65536' }, 'maxPacketBytes'],
  ])('%s is refused', (_name, flags, key) => {
    expect(faultOf({ flags }).details.key).toBe(key);
  });

  it('does not mind links that are too narrow where there are none', () => {
    expect(load({ flags: { linkCreditBytes: '65536' } }).linkCreditBytes).toBe(65_536);
  });
});

describe('the secret', () => {
  it('comes from the environment, or from a file, not from both', () => {
    const env = { PLEXUS_CLUSTER_SECRET: 'hunter2' };
    expect(load({ flags: { cluster: 'demo' }, env })).toMatchObject({
      clusterSecret: 'hunter2',
      clusterSecretFile: null,
    });
    expect(faultOf({ flags: CLUSTER, env }).details.key).toBe('clusterSecretFile');
    expect(faultOf({ env }).details.key).toBe('clusterSecret');
  });

  it.each<[string, Given]>([
    ['on the command line', { flags: { cluster: 'demo', clusterSecret: 'hunter2' } }],
    ['in the file', { file: 'cluster: demo\nclusterSecret: hunter2' }],
    ['in the file, as no text', { file: 'cluster: demo\nclusterSecret: [hunter2]' }],
    ['without a cluster', { env: { PLEXUS_CLUSTER_SECRET: 'hunter2' } }],
    ['with a file', { flags: CLUSTER, env: { PLEXUS_CLUSTER_SECRET: 'hunter2' } }],
  ])('is not shown when it is refused: %s', (_name, given) => {
    const fault = faultOf(given);
    expect(fault.code).toBe('config_invalid');
    expect(JSON.stringify([fault.message, fault.details])).not.toContain('hunter2');
  });

  it('is not empty', () => {
    const env = { PLEXUS_CLUSTER_SECRET: '' };
    expect(faultOf({ flags: { cluster: 'demo' }, env }).details.key).toBe('clusterSecret');
  });
});
