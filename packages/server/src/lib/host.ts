import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Whether an address or host name can only mean this machine. IPv6 with or without brackets; names under `localhost`
 * are resolved to loopback by every browser (RFC 6761 §6.3).
 */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const version = isIP(bare);
  if (version !== 0) return loopback.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  const name = bare.toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost');
}
