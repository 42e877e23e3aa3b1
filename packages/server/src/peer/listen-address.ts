import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { PlexusError } from '@plexus/protocol';

/** Where a node listens for peers. */
export interface ListenAddress {
  /** As it was asked for. */
  readonly host: string;
  readonly ips: readonly string[];
  readonly port: number;
}

/**
 * What is asked for, checked by binding it for a moment: libp2p tells of everything that can go wrong in one text, and picks another
 * port for each transport where 0 is asked for.
 * @param key the option that names the port, for errors
 * @throws {PlexusError} address_in_use, address_unavailable
 */
export async function listenAddress(host: string, port: number, key: string): Promise<ListenAddress> {
  try {
    const ip = net.isIP(host) !== 0 ? host : (await lookup(host)).address;
    const free = await bindOnce(ip, port);
    // As with other servers: all of IPv6 is all of IPv4 too.
    return { host, ips: ip === '::' ? ['::', '0.0.0.0'] : [ip], port: free };
  } catch (error) {
    const { code, message: reason } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new PlexusError('address_in_use', { host, port, key }, { cause: error });
    throw new PlexusError('address_unavailable', { host, port, key, reason }, { cause: error });
  }
}

function bindOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export function multiaddrsOf({ ips, port }: ListenAddress, quic: boolean): string[] {
  const bases = ips.map((ip) => (ip.includes(':') ? `/ip6/${ip}` : `/ip4/${ip}`));
  const tcp = bases.map((base) => `${base}/tcp/${port}`);
  return quic ? [...tcp, ...bases.map((base) => `${base}/udp/${port}/quic-v1`)] : tcp;
}
