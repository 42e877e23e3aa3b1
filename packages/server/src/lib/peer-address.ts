import { type Component, multiaddr } from '@multiformats/multiaddr';

/** What comes after the host: the port is a decimal number without sign. */
const HOST_AND_PORT = /^(\[[^\]]+\]|[^:[\]/\s]+):(\d{1,5})$/;
const IP4 = /^\d+\.\d+\.\d+\.\d+$/;
const DNS_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/;
const MAX_PORT = 65_535;

/** Of an Ed25519 key, as every node has one: base58 of 38 bytes that begin alike. */
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

/** Components of a multiaddr that say which machine is meant. */
const HOSTS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6']);
/** The names of those behind it: a transport, the way over another node, and who is meant. */
const SHAPE = /^(tcp|udp\/quic-v1)(\/p2p\/p2p-circuit)?(\/p2p)?$/;
const CIRCUIT = 'p2p-circuit';

type Parsed = { readonly components: readonly Component[] } | { readonly problem: string };

function withPort(host: string, port: number): Parsed {
  if (port < 1 || port > MAX_PORT) return { problem: `the port must be between 1 and ${MAX_PORT}` };
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  if (host.startsWith('[')) return fromMultiaddr(`/ip6/${bare}/tcp/${port}`, `${host} is not an IPv6 address`);
  if (IP4.test(bare)) return fromMultiaddr(`/ip4/${bare}/tcp/${port}`, `${bare} is not an IPv4 address`);
  if (!DNS_NAME.test(bare)) return { problem: `${bare} is neither an address nor a host name` };
  return fromMultiaddr(`/dns/${bare}/tcp/${port}`, `${bare} is not a host name`);
}

function fromMultiaddr(text: string, problem: string): Parsed {
  try {
    return { components: multiaddr(text).getComponents() };
  } catch {
    return { problem };
  }
}

function parse(text: string): Parsed {
  const pair = HOST_AND_PORT.exec(text);
  if (pair !== null) return withPort(pair[1]!, Number(pair[2]));
  if (!text.startsWith('/')) {
    return { problem: 'neither host:port (an IPv6 address in brackets) nor a multiaddr (/ip4/192.0.2.1/tcp/9443)' };
  }
  const parsed = fromMultiaddr(text, 'not a multiaddr: /ip4/192.0.2.1/tcp/9443 is one');
  if ('problem' in parsed) return parsed;
  const names = parsed.components.map(({ name }) => name);
  if (!HOSTS.has(names[0]!)) return { problem: 'does not begin with /ip4, /ip6, /dns, /dns4 or /dns6' };
  if (!SHAPE.test(names.slice(1).join('/'))) {
    const allowed =
      '/tcp/PORT or /udp/PORT/quic-v1 is understood, /p2p/RELAY/p2p-circuit behind it, and /p2p/PEER at the end';
    return { problem: `after the host only ${allowed}` };
  }
  if (parsed.components.some(({ name, value }) => name === 'p2p' && !PEER_ID.test(value!))) {
    return { problem: 'what is after /p2p is not the id of a node' };
  }
  return parsed;
}

/** What is wrong with the address of a peer as a person wrote it: `host:port` or a multiaddr; null: nothing. */
export function peerAddressProblem(text: string): string | null {
  const parsed = parse(text);
  return 'problem' in parsed ? parsed.problem : null;
}

/**
 * The multiaddr of an address as a person wrote it; `host:port` is taken to mean TCP.
 * @throws {TypeError} what `peerAddressProblem` says
 */
export function toMultiaddr(text: string): string {
  const parsed = parse(text);
  if ('problem' in parsed) throw new TypeError(`${text}: ${parsed.problem}`);
  return multiaddr([...parsed.components]).toString();
}

/** A multiaddr that somebody gave us, taken apart; null: not one of ours. */
export interface PeerAddress {
  /** `relay`: over another node, whose transport, host and port the address begins with. */
  readonly transport: 'tcp' | 'quic' | 'relay';
  /** Without the peer id; with that of the relay. */
  readonly multiaddr: string;
  /** The one that the address names; null: none. */
  readonly peerId: string | null;
  readonly host: string;
  readonly port: number;
}

export function parsePeerAddress(text: string): PeerAddress | null {
  const parsed = parse(text);
  if ('problem' in parsed) return null;
  const last = parsed.components.at(-1)!;
  const peerId = last.name === 'p2p' ? (last.value ?? null) : null;
  const components = peerId === null ? parsed.components : parsed.components.slice(0, -1);
  const isDirect = components.every(({ name }) => name !== CIRCUIT);
  return {
    transport: !isDirect ? 'relay' : components[1]!.name === 'tcp' ? 'tcp' : 'quic',
    multiaddr: multiaddr([...components]).toString(),
    peerId,
    host: components[0]!.value!,
    port: Number(components[1]!.value),
  };
}

/** `192.0.2.1:9443`, `[2001:db8::1]:9443`: for people, and to compare. What is no address of a peer, or of one behind a relay, stays as it is. */
export function endpointOf(text: string): string {
  const address = parsePeerAddress(text);
  if (address === null || address.transport === 'relay') return text;
  const { host, port } = address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
