import { describe, expect, it } from 'vitest';
import { endpointOf, parsePeerAddress, peerAddressProblem, toMultiaddr } from './addresses.ts';
import { newIdentity } from './identity.ts';

const { peerId } = newIdentity();
const relay = `/ip4/192.0.2.1/tcp/9443/p2p/${newIdentity().peerId}`;

describe('the address of a peer', () => {
  it.each([
    ['192.0.2.1:9443', '/ip4/192.0.2.1/tcp/9443'],
    ['[2001:db8::1]:9443', '/ip6/2001:db8::1/tcp/9443'],
    ['localhost:1', '/dns/localhost/tcp/1'],
    ['plexus-0.plexus.default.svc.cluster.local:65535', '/dns/plexus-0.plexus.default.svc.cluster.local/tcp/65535'],
    ['/ip4/192.0.2.1/tcp/9443', '/ip4/192.0.2.1/tcp/9443'],
    ['/dns4/example.org/udp/9443/quic-v1', '/dns4/example.org/udp/9443/quic-v1'],
    [`/ip6/::1/tcp/9443/p2p/${peerId}`, `/ip6/::1/tcp/9443/p2p/${peerId}`],
    [`${relay}/p2p-circuit`, `${relay}/p2p-circuit`],
    [`${relay}/p2p-circuit/p2p/${peerId}`, `${relay}/p2p-circuit/p2p/${peerId}`],
  ])('is understood: %s', (text, expected) => {
    expect(peerAddressProblem(text)).toBeNull();
    expect(toMultiaddr(text)).toBe(expected);
  });

  it.each([
    ['', 'neither host:port'],
    ['example.org', 'neither host:port'],
    ['2001:db8::1:9443', 'neither host:port'],
    ['http://example.org:80', 'neither host:port'],
    ['example.org:0', 'the port must be between 1 and 65535'],
    ['example.org:65536', 'the port must be between 1 and 65535'],
    ['300.0.2.1:9443', 'not an IPv4 address'],
    ['[2001:zz::1]:9443', 'not an IPv6 address'],
    ['exa!mple:9443', 'neither an address nor a host name'],
    ['/ip4/300.0.2.1/tcp/9443', 'not a multiaddr'],
    ['/ip4/192.0.2.1/tcp', 'not a multiaddr'],
    ['/nonsense', 'not a multiaddr'],
    ['/unix/tmp', 'does not begin with'],
    ['/ip4/192.0.2.1/udp/9443', 'after the host only'],
    ['/ip4/192.0.2.1/tcp/9443/ws', 'after the host only'],
    ['/ip4/192.0.2.1/tcp/9443/p2p-circuit', 'after the host only'],
    [`${relay}/p2p-circuit/p2p/${peerId}/p2p-circuit`, 'after the host only'],
    [`/ip4/192.0.2.1/tcp/9443/p2p/nonsense/p2p-circuit/p2p/${peerId}`, 'not the id of a node'],
    ['/ip4/192.0.2.1/tcp/9443/p2p/nonsense', 'not the id of a node'],
  ])('is refused with what is wrong: %s', (text, problem) => {
    expect(peerAddressProblem(text)).toContain(problem);
    expect(() => toMultiaddr(text)).toThrow(problem);
    expect(parsePeerAddress(text)).toBeNull();
  });

  it('is taken apart', () => {
    expect(parsePeerAddress(`/ip6/::1/udp/9443/quic-v1/p2p/${peerId}`)).toEqual({
      transport: 'quic',
      multiaddr: '/ip6/::1/udp/9443/quic-v1',
      peerId,
      host: '::1',
      port: 9443,
    });
    expect(parsePeerAddress(`${relay}/p2p-circuit/p2p/${peerId}`)).toEqual({
      transport: 'relay',
      multiaddr: `${relay}/p2p-circuit`,
      peerId,
      host: '192.0.2.1',
      port: 9443,
    });
    expect(parsePeerAddress(`${relay}/p2p-circuit`)).toMatchObject({ transport: 'relay', peerId: null });
    expect(parsePeerAddress('example.org:9443')).toMatchObject({ transport: 'tcp', peerId: null, host: 'example.org' });
  });

  it('has an endpoint for people', () => {
    expect(endpointOf('/ip4/192.0.2.1/tcp/9443')).toBe('192.0.2.1:9443');
    expect(endpointOf('/ip6/2001:db8::1/udp/9443/quic-v1')).toBe('[2001:db8::1]:9443');
    expect(endpointOf(`${relay}/p2p-circuit`)).toBe(`${relay}/p2p-circuit`);
    expect(endpointOf('/memory/7')).toBe('/memory/7');
  });
});
