import { expect, it } from 'vitest';
import { advertised } from './libp2p-addresses.ts';

it('tells others only of addresses that mean this node to them, TCP first', () => {
  const quic = '/ip4/192.0.2.7/udp/9443/quic-v1';
  const all = [
    quic,
    '/ip4/127.0.0.1/tcp/9443',
    '/ip6/::1/tcp/9443',
    '/ip6/fe80::1/udp/9443/quic-v1',
    '/ip4/192.0.2.7/tcp/9443',
  ];
  const relayed = '/ip4/192.0.2.8/tcp/9443/p2p/12D3KooWQwTKLMFS8ZNEwnHcFCHnBgAqbCFdrGCTuDkoEYMSyYES/p2p-circuit';
  expect(advertised([relayed, ...all])).toEqual(['/ip4/192.0.2.7/tcp/9443', quic, relayed]);
});

it('tells of loopback where there is nothing else', () => {
  const quic = '/ip4/127.0.0.1/udp/9443/quic-v1';
  expect(advertised([quic, '/ip4/127.0.0.1/tcp/9443'])).toEqual(['/ip4/127.0.0.1/tcp/9443', quic]);
});
