import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';

/** Where a node listens for peers unless it was told otherwise. */
const USUAL_PORT = 9443;

/** Where a `plexus:` URL leads. */
export interface PlexusUrl {
  readonly address: Multiaddr;
  readonly transport: 'tcp' | 'quic';
  /** undefined: none is in the URL */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/**
 * `plexus://[user:password@]host[:port]`, over TCP, or `plexus:///MULTIADDR`, over TCP or QUIC, with or without `/p2p/PEER`. With it,
 * nobody else is talked to than the node of that id.
 * @throws {TypeError} it is neither
 */
export function parsePlexusUrl(text: string): PlexusUrl {
  const url = new URL(text);
  if (url.protocol !== 'plexus:') throw new TypeError(`${text} is not a plexus: URL`);
  const address = url.hostname === '' ? fromPath(text, url.pathname) : fromHost(url);
  return {
    address,
    transport: address.getComponents().some(({ name }) => name === 'quic-v1') ? 'quic' : 'tcp',
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
  };
}

function fromHost({ hostname, port }: URL): Multiaddr {
  const tcp = `tcp/${port === '' ? USUAL_PORT : port}`;
  if (hostname.startsWith('[')) return multiaddr(`/ip6/${hostname.slice(1, -1)}/${tcp}`);
  if (/^\d+\.\d+\.\d+\.\d+$/.test(hostname)) return multiaddr(`/ip4/${hostname}/${tcp}`);
  return multiaddr(`/dns/${hostname}/${tcp}`);
}

function fromPath(text: string, path: string): Multiaddr {
  try {
    const address = multiaddr(path);
    const shape = address.getComponents().map(({ name }) => name);
    if (/^(ip[46]|dns[46]?) (tcp|udp quic-v1)( p2p)?$/.test(shape.join(' '))) return address;
  } catch {
    // Said below.
  }
  throw new TypeError(`${text} holds no address of a peer: plexus:///ip4/192.0.2.1/tcp/9443 does`);
}
