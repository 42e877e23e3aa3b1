import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { PeerLink } from './peer-link.ts';
import { RelayedLinks } from './relayed-links.ts';

const DIRECT = '/ip4/192.0.2.1/tcp/9443';
const RELAYED = '/ip4/192.0.2.9/tcp/9443/p2p/12D3KooWQwTKLMFS8ZNEwnHcFCHnBgAqbCFdrGCTuDkoEYMSyYES/p2p-circuit';

/** What is looked at of a link. */
const aLink = () => ({
  state: 'up',
  isRelayed: true,
  isOutbound: true,
  isEnding: false,
  peerAddresses: [RELAYED, DIRECT],
});

function scene() {
  const clock = new FakeClock();
  const link = aLink();
  const begun: { atMs: number; addresses: readonly string[] | null }[] = [];
  const ports = {
    clock,
    random: () => 1,
    renew: (_link: PeerLink, addresses: readonly string[] | null) => void begun.push({ atMs: clock.now(), addresses }),
  };
  const links = new RelayedLinks(ports, { directFirstMs: 10_000, directMostMs: 600_000 });
  clock.setInterval(() => links.tick([link as unknown as PeerLink]), 100);
  const startMs = clock.now();
  return { clock, link, begun, times: () => begun.map(({ atMs }) => Math.round((atMs - startMs) / 1000)) };
}

describe('a relayed link', () => {
  it('is tried directly at once, then less and less often, at the addresses that are not at relays', () => {
    const { clock, begun, times } = scene();
    clock.advance(3_600_000);
    expect(times().slice(0, 7)).toEqual([0, 10, 30, 70, 150, 310, 630]);
    expect(times().slice(7)).toEqual([1230, 1830, 2430, 3030]);
    expect(new Set(begun.flatMap(({ addresses }) => addresses))).toEqual(new Set([DIRECT]));
  });

  it('is left alone when it has become a direct one, and when the peer listens at relays only', () => {
    const { clock, link, begun } = scene();
    clock.advance(1000);
    link.isRelayed = false;
    clock.advance(3_600_000);
    expect(begun).toHaveLength(1);
    link.isRelayed = true;
    link.peerAddresses = [RELAYED];
    clock.advance(3_600_000);
    expect(begun).toHaveLength(1);
  });

  it('gets another channel before its own ends, by whoever has opened that', () => {
    const { clock, link, begun } = scene();
    clock.advance(1000);
    link.isOutbound = false;
    link.isEnding = true;
    clock.advance(1000);
    expect(begun).toHaveLength(1);
    link.isOutbound = true;
    clock.advance(3000);
    expect(begun.slice(1).map(({ addresses }) => addresses)).toEqual([null, null, null]);
    link.isEnding = false;
    clock.advance(3000);
    expect(begun).toHaveLength(4);
  });

  it('gets another channel when its own is gone, whoever had opened it', () => {
    const { clock, link, begun } = scene();
    clock.advance(1000);
    link.isOutbound = false;
    link.state = 'lost';
    clock.advance(100);
    expect(begun.slice(1).map(({ addresses }) => addresses)).toEqual([null]);
    link.state = 'closed';
    clock.advance(5000);
    expect(begun).toHaveLength(2);
  });
});
