import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';

const KEY = 'qYk1Jm9W3v0tq8cXn2sL5hR7dG4bF6jK1pZxVuTwEyA';

const load = (yaml: string, flags: Record<string, unknown> = {}) =>
  loadConfig({ flags: { config: 'plexus.yaml', ...flags }, env: {}, readFile: () => yaml });

function fault(yaml: string, flags: Record<string, unknown> = {}): unknown {
  try {
    load(yaml, flags);
  } catch (error) {
    if (error instanceof PlexusError) return error.details.key;
    throw error;
  }
  return null;
}

describe('options of the mesh', () => {
  it('are off by default', () => {
    expect(load('')).toMatchObject({ mesh: false, meshJoin: [], relay: false, upnp: false, realms: [] });
  });

  it('take a federated realm with its files', () => {
    const { realms } = load(
      `mesh: true\nrealms: [{name: plant, federated: true, authorityKey: ${KEY}, tokenFile: t}, {name: office}]`,
    );
    expect(realms).toEqual([
      { name: 'plant', federated: true, authorityKey: KEY, tokenFile: 't', revocationsFile: null },
      { name: 'office', federated: false, authorityKey: null, tokenFile: null, revocationsFile: null },
    ]);
  });

  it('look on the local network unless the host is loopback', () => {
    expect(load('mesh: true\nhost: 0.0.0.0').mdns).toBe(true);
    expect(load('mesh: true').mdns).toBe(false);
  });

  it.each([
    ['realms: [{name: a, federated: true}]', 'realms[0].authorityKey'],
    [`realms: [{name: a, authorityKey: ${KEY}}]`, 'realms[0].authorityKey'],
    ['realms: [{name: a, tokenFile: t}]', 'realms[0].tokenFile'],
    ['realms: [{name: a, federated: maybe}]', 'realms[0].federated'],
    ['realms: [{name: a/b}]', 'realms[0].name'],
    ['realms: [{name: a}, {name: a}]', 'realms[1].name'],
    ['realms: [{name: a, colour: red}]', 'realms[0].colour'],
    ['realms: [a]', 'realms[0]'],
    ['realms: a', 'realms'],
    [
      `mesh: true\nrealms: [${Array.from({ length: 33 }, (_, i) => `{name: r${i}, federated: true, authorityKey: ${KEY}}`)}]`,
      'realms',
    ],
    ['meshJoin: [nowhere:99999]\nmesh: true', 'meshJoin'],
  ])('refuse %s', (yaml, key) => {
    expect(fault(yaml)).toBe(key);
  });

  it.each([
    ['meshJoin: [127.0.0.1:9443]', 'meshJoin'],
    ['relay: true', 'relay'],
    ['upnp: true', 'upnp'],
    ['reachable: no', 'reachable'],
    [`realms: [{name: a, federated: true, authorityKey: ${KEY}}]`, 'realms[0].federated'],
  ])('refuse %s without mesh', (yaml, key) => {
    expect(fault(yaml.replace('reachable: no', 'reachable: "no"'))).toBe(key);
  });
});
