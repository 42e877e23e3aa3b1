import { parsePeerAddress } from './addresses.ts';
import type { Resolver } from './resolver.ts';

/** Where a node listens unless it was told otherwise. */
const USUAL_PORT = 9443;
/** Of a name: one reachable node is enough to find the others. */
const MAX_ADDRESSES_PER_NAME = 32;

/** An address to join at, as it was configured. */
export interface Seed {
  /** null: whoever answers there */
  readonly peerId: string | null;
  readonly transport: 'tcp' | 'quic';
  /** An IP address, or a name that has to be resolved. */
  readonly host: string;
  /** null: service records say it */
  readonly port: number | null;
  /** Of one behind a relay: all of it, as it was given. Whoever dials the relay resolves its name. */
  readonly relayed: string | null;
}

/** Whether it is an address, not a name. */
export function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host);
}

/** @param text a multiaddr, `host:port`, or a name alone; checked before, with the configuration */
export function parseSeed(text: string): Seed {
  const address = parsePeerAddress(text);
  if (address === null) return { peerId: null, transport: 'tcp', host: text, port: null, relayed: null };
  const { peerId, transport, host, port, multiaddr } = address;
  if (transport === 'relay') return { peerId, transport: 'tcp', host, port, relayed: multiaddr };
  return { peerId, transport, host, port, relayed: null };
}

/** @returns multiaddrs, one for each node that may be there; of a name that cannot be resolved at the moment none */
export async function resolveSeed(seed: Seed, resolver: Resolver): Promise<string[]> {
  const { host, port, transport, relayed } = seed;
  if (relayed !== null) return [relayed];
  if (port !== null) return addressesOf(host, port, transport, resolver);
  const services = await resolver.services(`_plexus._tcp.${host}`);
  if (services.length === 0) return addressesOf(host, USUAL_PORT, transport, resolver);
  const few = services.slice(0, MAX_ADDRESSES_PER_NAME);
  const found = await Promise.all(few.map((service) => addressesOf(service.name, service.port, transport, resolver)));
  return found.flat().slice(0, MAX_ADDRESSES_PER_NAME);
}

async function addressesOf(host: string, port: number, transport: Seed['transport'], resolver: Resolver) {
  const found = isAddress(host) ? [host] : await resolver.addresses(host);
  // An address with a zone means something on this machine only, and no multiaddr can hold it.
  const hosts = found.filter((ip) => !ip.includes('%'));
  const suffix = transport === 'tcp' ? `tcp/${port}` : `udp/${port}/quic-v1`;
  return hosts.slice(0, MAX_ADDRESSES_PER_NAME).map((ip) => `/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}/${suffix}`);
}
