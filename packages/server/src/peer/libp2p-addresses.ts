import type { Multiaddr } from '@multiformats/multiaddr';
import { isLoopback } from '../lib/host.ts';
import { type PeerAddress, parsePeerAddress } from '../lib/peer-address.ts';

const P2P = 'p2p';

export function withoutPeerId(address: Multiaddr): string {
  const components = address.getComponents();
  if (components.at(-1)?.name !== P2P) return address.toString();
  return address.decapsulateCode(components.at(-1)!.code).toString();
}

export function transportOf(address: Multiaddr): PeerAddress['transport'] {
  const names = address.getComponents().map(({ name }) => name);
  if (names.includes('p2p-circuit')) return 'relay';
  return names.includes('udp') ? 'quic' : 'tcp';
}

/** `fe80::/10`: says nothing without the interface. */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

/**
 * What a node tells others of where it listens: TCP first, relays last, and nothing that means another machine to them. Those on loopback are left
 * out where there are others: whoever dialled them from elsewhere would reach itself.
 */
export function advertised(addresses: readonly string[]): string[] {
  const parsed = addresses.map(parsePeerAddress).filter((address) => address !== null);
  const usable = parsed.filter(({ host }) => !LINK_LOCAL.test(host));
  const elsewhere = usable.filter(({ host }) => !isLoopback(host));
  return (elsewhere.length > 0 ? elsewhere : usable).sort(tcpFirst).map(({ multiaddr }) => multiaddr);
}

const ORDER = { tcp: 0, quic: 1, relay: 2 };

/** Relays last. The order among those of one transport stays. */
export function tcpFirst(a: Pick<PeerAddress, 'transport'>, b: Pick<PeerAddress, 'transport'>): number {
  return ORDER[a.transport] - ORDER[b.transport];
}
