import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import { LanPeers } from './lan-peers.ts';

function started() {
  const clock = new FakeClock();
  const kept = new Map<string, readonly string[]>();
  const known = new Set<string>();
  let found: ((target: PeerTarget) => void) | null = null;
  const peers = new LanPeers({
    clock,
    nodeId: 'self',
    discovery: {
      start: (onPeer) => {
        found = onPeer;
      },
      stop: () => {
        found = null;
      },
    },
    keep: ({ peerId, addresses }) => {
      kept.set(peerId!, addresses);
      return {
        update: (later) => void kept.set(peerId!, later),
        stop: () => void kept.delete(peerId!),
      };
    },
    isKnown: ({ peerId }) => known.has(peerId!),
  });
  peers.start();
  const find = (peerId: string, address = '/memory/1') => found!({ peerId, addresses: [address] });
  return { peers, clock, kept, known, find, isStopped: () => found === null };
}

describe('nodes on the local network', () => {
  it('are dialled, at the newest addresses, until there is a link', () => {
    const { peers, kept, known, find } = started();
    find('a', '/memory/1');
    find('a', '/memory/2');
    expect([...kept]).toEqual([['a', ['/memory/2']]]);
    known.add('a');
    peers.refresh();
    find('a');
    expect(kept.size).toBe(0);
  });

  it('are not this node', () => {
    const { kept, find } = started();
    find('self');
    expect(kept.size).toBe(0);
  });

  it('are left alone for a while when they are of another cluster', () => {
    const { peers, kept, find, clock } = started();
    find('a');
    peers.onRefused('a');
    find('a');
    expect(kept.size).toBe(0);
    clock.advance(5 * 60 * 1000);
    find('a');
    expect(kept.size).toBe(1);
  });

  it('are let go when they cannot be reached, until they are heard of again', () => {
    const { peers, kept, find } = started();
    find('a');
    peers.onUnreachable({ peerId: 'a', addresses: [] });
    expect(kept.size).toBe(0);
    find('a');
    expect(kept.size).toBe(1);
  });

  it('are not dialled without bound, whoever makes them up', () => {
    const { peers, kept, find, isStopped } = started();
    for (let i = 0; i < 5000; i++) find(`made-up-${i}`);
    expect(kept.size).toBe(64);
    peers.stop();
    expect(kept.size).toBe(0);
    expect(isStopped()).toBe(true);
  });
});
