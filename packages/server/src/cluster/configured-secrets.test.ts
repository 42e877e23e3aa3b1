import { PlexusError } from '@plexus/protocol';
import { expect, it } from 'vitest';
import { configuredSecrets } from './configured-secrets.ts';

const HERE = {
  cluster: 'demo',
  clusterSecret: null,
  clusterSecretFile: 'secret',
  host: '127.0.0.1',
  join: ['localhost:9443', '/ip6/::1/tcp/9443'],
  mdns: false,
};
const STRONG = '6b1f0c2a9d4e83757c11f0a26b90d3e45a8812cf7be04d6398fa21c07e5d4b93';
const OTHER = '0e94b7d2c15f6a83e2d07b4996ac31f85d20be7714c3a9680f52ed91b3478ca6';

function faultOf(config: typeof HERE, text: string): PlexusError {
  try {
    configuredSecrets(config, () => text);
  } catch (error) {
    expect(error).toBeInstanceOf(PlexusError);
    return error as PlexusError;
  }
  throw new Error('was accepted');
}

it('there are none without a cluster', () => {
  const nobody = () => {
    throw new Error('was read');
  };
  expect(configuredSecrets({ ...HERE, cluster: null }, nobody)).toBeNull();
});

it('are the lines of the file, or of the environment', () => {
  expect(configuredSecrets(HERE, (path) => `${path}\n`)).toEqual(['secret']);
  expect(configuredSecrets(HERE, () => `${STRONG}\r\n\n${OTHER}\n`)).toEqual([STRONG, OTHER]);
  const env = { ...HERE, clusterSecretFile: null, clusterSecret: 'from the environment' };
  expect(configuredSecrets(env as unknown as typeof HERE, () => 'not this')).toEqual(['from the environment']);
});

it.each([
  ['another host', { host: '0.0.0.0' }],
  ['a member elsewhere', { join: ['127.0.0.1:9443', '192.0.2.1:9443'] }],
  ['a name that may be anybody', { join: ['plexus-peers:9443'] }],
  ['multicast DNS', { mdns: true }],
])('have to be strong beyond loopback: %s', (_name, more) => {
  const config = { ...HERE, ...more };
  const fault = faultOf(config, 'hunter2');
  expect(fault.code).toBe('config_invalid');
  expect(fault.message).toContain('128 bits');
  expect(JSON.stringify([fault.message, fault.details])).not.toContain('hunter2');
  expect(configuredSecrets(config, () => STRONG)).toEqual([STRONG]);
});

it('faults name the file, and the reason for which it cannot be read', () => {
  expect(faultOf(HERE, '\n').details).toMatchObject({ key: 'clusterSecretFile', source: 'secret' });
  const missing = () => {
    throw new Error('ENOENT');
  };
  expect(() => configuredSecrets(HERE, missing)).toThrow(/clusterSecretFile is "secret".*ENOENT/);
});
