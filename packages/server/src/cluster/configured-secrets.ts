import { PlexusError } from '@plexus/protocol';
import type { Config } from '../config.ts';
import { isLoopback } from '../lib/host.ts';
import { parsePeerAddress } from '../lib/peer-address.ts';
import { parseSecrets, secretsProblem } from './secret.ts';

type SecretConfig = Pick<Config, 'cluster' | 'clusterSecret' | 'clusterSecretFile' | 'host' | 'join' | 'mdns'>;

/**
 * The secrets of the cluster that a configuration names, the one to prove first.
 * @param readFile as UTF-8; throws if it cannot
 * @returns null: it names no cluster
 * @throws {PlexusError} config_invalid, which does not show them
 */
export function configuredSecrets(config: SecretConfig, readFile: (path: string) => string): readonly string[] | null {
  if (config.cluster === null) return null;
  const { key, source, text } = read(config, readFile);
  const secrets = parseSecrets(text);
  const problem = secretsProblem(secrets, isExposed(config));
  if (problem === null) return secrets;
  throw new PlexusError('config_invalid', { source, key, given: 'something else', allowed: problem });
}

/** Whether a proof may be seen by anybody but this machine: whoever has one can try secrets on it, as long as it takes. */
function isExposed({ host, join, mdns }: SecretConfig): boolean {
  return mdns || !isLoopback(host) || !join.every((seed) => isLoopback(parsePeerAddress(seed)?.host ?? seed));
}

function read({ clusterSecretFile, clusterSecret }: SecretConfig, readFile: (path: string) => string) {
  // The configuration was checked for one of them.
  if (clusterSecretFile === null) {
    return { key: 'clusterSecret', source: 'PLEXUS_CLUSTER_SECRET', text: clusterSecret! };
  }
  try {
    return { key: 'clusterSecretFile', source: clusterSecretFile, text: readFile(clusterSecretFile) };
  } catch (error) {
    const allowed = `a file that can be read (${error instanceof Error ? error.message : String(error)})`;
    const given = JSON.stringify(clusterSecretFile);
    const details = { source: 'cluster secret', key: 'clusterSecretFile', given, allowed };
    throw new PlexusError('config_invalid', details, { cause: error });
  }
}
