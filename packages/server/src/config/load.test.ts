import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { hashPassword } from '../lib/password.ts';
import { type ConfigSources, loadConfig } from './load.ts';
import { envOf, flagOf } from './option.ts';
import { type Config, OPTIONS } from './table.ts';

const load = (sources: Partial<ConfigSources> & { file?: string }): Config =>
  loadConfig({
    flags: sources.file === undefined ? {} : { config: 'plexus.yaml' },
    env: {},
    readFile: () => sources.file ?? '',
    ...sources,
    ...(sources.file === undefined ? {} : { flags: { config: 'plexus.yaml', ...sources.flags } }),
  });

function faultOf(run: () => unknown): { source: string; key: string; given: string; allowed: string } {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(PlexusError);
    expect((error as PlexusError).code).toBe('config_invalid');
    return (error as PlexusError).details as ReturnType<typeof faultOf>;
  }
  throw new Error('was accepted');
}

describe('precedence', () => {
  it('is flag, environment, file, default', () => {
    const file = 'mqttPort: 3\nhttpPort: 3\nmaxClients: 3\n';
    const env = { PLEXUS_MQTT_PORT: '2', PLEXUS_HTTP_PORT: '2' };
    const config = load({ file, env, flags: { mqttPort: '1' } });
    expect([config.mqttPort, config.httpPort, config.maxClients, config.maxTopicLevels]).toEqual([1, 2, 3, 100]);
  });

  it('keeps zero, false and an empty list that were given', () => {
    const config = load({ file: 'mqttPort: 0\nallowAnonymous: false\n', env: { PLEXUS_HTTP_HOSTS: '' } });
    expect(config).toMatchObject({ mqttPort: 0, allowAnonymous: false, httpHosts: [] });
  });

  it('finds the file by environment', () => {
    const read: string[] = [];
    const readFile = (path: string): string => {
      read.push(path);
      return '';
    };
    loadConfig({ flags: {}, env: { PLEXUS_CONFIG: 'a.yaml' }, readFile });
    expect(read).toEqual(['a.yaml']);
  });

  it('gives a frozen config with every key of the table', () => {
    const config = load({});
    expect(Object.keys(config).sort()).toEqual(Object.keys(OPTIONS).sort());
    expect(Object.isFrozen(config)).toBe(true);
  });
});

describe('errors name source, key, what was given and what is allowed', () => {
  it.each([
    ['flag out of range', { flags: { mqttPort: '65536' } }, '--mqtt-port', 'mqttPort', '65536'],
    ['flag that is no number', { flags: { maxClients: '1e3' } }, '--max-clients', 'maxClients', '"1e3"'],
    ['empty number', { env: { PLEXUS_HTTP_PORT: '' } }, 'PLEXUS_HTTP_PORT', 'httpPort', '""'],
    ['environment', { env: { PLEXUS_LOG_LEVEL: 'loud' } }, 'PLEXUS_LOG_LEVEL', 'logLevel', '"loud"'],
    ['boolean', { env: { PLEXUS_ALLOW_ANONYMOUS: 'yes' } }, 'PLEXUS_ALLOW_ANONYMOUS', 'allowAnonymous', '"yes"'],
    ['file, a number as text', { file: 'mqttPort: "1883"' }, 'plexus.yaml', 'mqttPort', '"1883"'],
    ['file, a fraction', { file: 'maxClients: 1.5' }, 'plexus.yaml', 'maxClients', '1.5'],
    ['file, null', { file: 'host:' }, 'plexus.yaml', 'host', 'null'],
    ['file, text for a list', { file: 'httpHosts: a' }, 'plexus.yaml', 'httpHosts', '"a"'],
    ['empty host', { flags: { host: '' } }, '--host', 'host', '""'],
    ['users outside the file', { env: { PLEXUS_USERS: 'x' } }, 'PLEXUS_USERS', 'users', '"x"'],
    ['config in the file', { file: 'config: b.yaml' }, 'plexus.yaml', 'config', '"b.yaml"'],
  ])('%s', (_name, sources, source, key, given) => {
    const fault = faultOf(() => load(sources));
    expect(fault).toMatchObject({ source, key, given });
    expect(fault.allowed).not.toBe('');
  });

  it('unknown keys, with the name that was meant', () => {
    expect(faultOf(() => load({ file: 'mqtt-port: 1' }))).toMatchObject({ key: 'mqtt-port', allowed: 'mqttPort' });
    expect(faultOf(() => load({ file: 'prototype: 1' })).key).toBe('prototype');
    expect(faultOf(() => load({ flags: { toString: '1' } })).key).toBe('--to-string');
  });

  it('a file that is missing, no YAML, or no table', () => {
    const missing = (): never => {
      throw new Error('ENOENT');
    };
    expect(faultOf(() => loadConfig({ flags: { config: 'x' }, env: {}, readFile: missing })).allowed).toContain(
      'ENOENT',
    );
    expect(faultOf(() => load({ file: 'a: [' })).given).toBe('"no YAML"');
    expect(faultOf(() => load({ file: 'a: 1\na: 2' })).given).toBe('"no YAML"');
    expect(faultOf(() => load({ file: '- 1' })).key).toBe('the file');
  });

  it('options that do not go together', () => {
    const fault = faultOf(() => load({ flags: { outboundLowWaterBytes: '67108864' } }));
    expect(fault.key).toBe('outboundLowWaterBytes');
    expect(fault.allowed).toContain('outboundHighWaterBytes');
    expect(faultOf(() => load({ flags: { mqttPort: '8080' } })).key).toBe('httpPort');
    expect(load({ flags: { mqttPort: '0', httpPort: '0' } }).httpPort).toBe(0);
    const tls = { tlsCert: 'c.pem', tlsKey: 'k.pem' };
    expect(faultOf(() => load({ flags: { ...tls, mqttsPort: '1883' } })).key).toBe('mqttsPort');
    expect(faultOf(() => load({ flags: { mqttsPort: '8883' } })).key).toBe('tlsCert');
    expect(faultOf(() => load({ flags: { httpTls: true, tlsCert: 'c.pem' } })).key).toBe('tlsKey');
    expect(faultOf(() => load({ flags: { tlsCa: 'ca.pem' } })).key).toBe('tlsCa');
    expect(load({ flags: { ...tls, mqttsPort: '0' } })).toMatchObject({ mqttsPort: 0, httpTls: false, tlsCa: null });
    expect(load({}).mqttsPort).toBeNull();
  });
});

describe('users', () => {
  it('are read from the file, in realm default unless they say otherwise', async () => {
    const passwordHash = await hashPassword('secret');
    const file = `users:\n  - {name: ann, passwordHash: ${passwordHash}}\n  - {name: bob, passwordHash: ${passwordHash}, realm: plant}\n`;
    expect(load({ file }).users).toEqual([
      { name: 'ann', passwordHash, realm: 'default' },
      { name: 'bob', passwordHash, realm: 'plant' },
    ]);
    const twice = file.replace('bob', 'ann');
    expect(faultOf(() => load({ file: twice })).key).toBe('users[1].name');
  });

  it.each([
    ['users: {}', 'users'],
    ['users: [ann]', 'users[0]'],
    ['users: [{name: ann, password: x}]', 'users[0].password'],
    ['users: [{name: "", passwordHash: x}]', 'users[0].name'],
    ['users: [{name: ann, passwordHash: hunter2}]', 'users[0].passwordHash'],
  ])('%s is refused', (file, key) => {
    const fault = faultOf(() => load({ file }));
    expect(fault.key).toBe(key);
    expect(JSON.stringify(fault)).not.toContain('hunter2');
  });
});

describe('anonymous access', () => {
  it('is on by default only on loopback and without users', async () => {
    const users = `users: [{name: ann, passwordHash: ${await hashPassword('x')}}]`;
    expect(load({}).allowAnonymous).toBe(true);
    expect(load({ flags: { host: '::1' } }).allowAnonymous).toBe(true);
    expect(load({ flags: { host: '0.0.0.0' } }).allowAnonymous).toBe(false);
    expect(load({ file: users }).allowAnonymous).toBe(false);
    expect(load({ file: users, flags: { host: '0.0.0.0', allowAnonymous: true } }).allowAnonymous).toBe(true);
    expect(load({ flags: { allowAnonymous: false } }).allowAnonymous).toBe(false);
  });
});

describe('the table', () => {
  it('has defaults that pass their own checks', () => {
    for (const [key, option] of Object.entries(OPTIONS)) {
      if (typeof option.default !== 'number') continue;
      expect(option.default, key).toBeGreaterThanOrEqual(option.min!);
      expect(option.default, key).toBeLessThanOrEqual(option.max!);
    }
  });

  it('derives flags and environment names', () => {
    expect(flagOf('connectionRatePerAddress')).toBe('--connection-rate-per-address');
    expect(envOf('maxSessionExpiryS')).toBe('PLEXUS_MAX_SESSION_EXPIRY_S');
  });
});

describe('stores', () => {
  it('are one by default, none if the list is empty', () => {
    expect(load({}).stores).toMatchObject([{ name: 'default', realm: 'default', mode: 'single', queueBytes: null }]);
    expect(load({ file: 'stores: []' }).stores).toEqual([]);
  });

  it('have defaults for everything but the name', () => {
    const { stores } = load({
      file: 'stores: [{name: a/b}, {name: c, realm: plant, mode: single, readers: 2, timeoutMs: 9, queueBytes: 2000000}]',
    });
    expect(stores[0]).toMatchObject({
      name: 'a/b',
      realm: 'default',
      mode: 'single',
      timeoutMs: 5000,
      queueBytes: null,
    });
    expect(stores[0]!.readers).toBeGreaterThanOrEqual(1);
    expect(stores[0]!.readers).toBeLessThanOrEqual(4);
    expect(stores[1]).toEqual({
      name: 'c',
      realm: 'plant',
      mode: 'single',
      readers: 2,
      timeoutMs: 9,
      queueBytes: 2_000_000,
    });
    expect(Object.isFrozen(stores)).toBe(true);
  });

  it.each([
    ['stores: {}', 'stores'],
    ['stores: [1]', 'stores[0]'],
    ['stores: [{name: a, colour: red}]', 'stores[0].colour'],
    ['stores: [{realm: a}]', 'stores[0].name'],
    [`stores: [{name: ${'x'.repeat(201)}}]`, 'stores[0].name'],
    ['stores: [{name: a}, {name: a, realm: other}]', 'stores[1].name'],
    ['stores: [{name: a, realm: "/"}]', 'stores[0].realm'],
    ['stores: [{name: a, mode: replicated}]', 'stores[0].mode'],
    ['stores: [{name: a, readers: 0}]', 'stores[0].readers'],
    ['stores: [{name: a, timeoutMs: 1.5}]', 'stores[0].timeoutMs'],
    ['stores: [{name: a, queueBytes: 1}]', 'stores[0].queueBytes'],
    ['stores: [{name: a}, {name: b}]\nmaxStores: 1', 'stores'],
  ])('%s is refused', (file, key) => {
    expect(faultOf(() => load({ file })).key).toBe(key);
  });

  it('are set in the file only', () => {
    expect(faultOf(() => load({ env: { PLEXUS_STORES: 'a' } })).key).toBe('stores');
  });
});
