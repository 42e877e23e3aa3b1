import { PlexusError } from '@plexus/protocol';
import { isLoopback } from '../lib/host.ts';

/** Throws PlexusError `forbidden_host` for a request that must not be answered. */
export type HostRule = (headers: { host?: string | undefined; origin?: string | undefined }) => void;

function hostnameOf(url: string): string | null {
  try {
    return new URL(url).hostname.toLowerCase();
  } catch {
    return null;
  }
}

/**
 * Only requests that were meant for this machine: a page elsewhere can make a browser send us requests under a name
 * of its own (DNS rebinding) or from its own origin, and the browser then says so in Host and Origin.
 * @param httpHosts names beside loopback, with or without a port, which does not count.
 */
export function createHostRule(httpHosts: readonly string[]): HostRule {
  const names = new Set(httpHosts.map((name) => hostnameOf(`http://${name}`) ?? name.toLowerCase()));
  const known = (hostname: string | null): boolean =>
    hostname !== null && (names.has(hostname) || isLoopback(hostname));

  return ({ host, origin }) => {
    if (!known(hostnameOf(`http://${host ?? ''}`))) {
      throw new PlexusError('forbidden_host', { header: 'Host', host: host ?? 'nothing' });
    }
    if (origin !== undefined && !known(hostnameOf(origin))) {
      throw new PlexusError('forbidden_host', { header: 'Origin', host: origin });
    }
  };
}
