import type { Clock } from '../lib/clock.ts';
import type { DialCode, PeerTarget } from './channel.ts';
import type { Waiter } from './contact.ts';
import { type KeptLink, KeptPeer } from './kept-peer.ts';
import type { LinkPurpose } from './link-ports.ts';
import { linkKey } from './link-set.ts';

export interface KeptPeersPorts {
  readonly clock: Clock;
  readonly random: () => number;
  connect(purpose: LinkPurpose, target: PeerTarget, waiter: Waiter): void;
  isUp(key: string): boolean;
  pin(key: string): void;
  unpin(key: string): void;
  unreachable(purpose: LinkPurpose, target: PeerTarget, code: DialCode): void;
}

/** All links that are kept, and which of them are with which peer. */
export class KeptPeers {
  readonly #ports: KeptPeersPorts;
  readonly #all = new Set<KeptPeer>();
  /** By peer and purpose; a peer may be kept more than once: by its id, and as whoever answers at an address. */
  readonly #byKey = new Map<string, Set<KeptPeer>>();

  constructor(ports: KeptPeersPorts) {
    this.#ports = ports;
  }

  keep(purpose: LinkPurpose, target: PeerTarget): KeptLink {
    const { clock, random, connect, isUp, unreachable } = this.#ports;
    const kept = new KeptPeer(
      {
        clock,
        random,
        connect: (to, waiter) => connect(purpose, to, waiter),
        isUp: (peerId) => isUp(linkKey(purpose, peerId)),
        pin: (one, peerId) => this.#pin(one, linkKey(purpose, peerId)),
        unpin: (one, peerId) => this.#unpin(one, linkKey(purpose, peerId)),
        failed: (to, { code, reason }) => {
          if (code === 'peer_not_admitted') {
            // Turned away is not out of reach, and told elsewhere; silence in the middle of an introduction is.
            if (reason !== 'channel_lost' && reason !== 'introduction_timeout') return;
            unreachable(purpose, to, 'peer_unreachable');
          } else if (code !== 'shutting_down' && code !== 'quota_exceeded') unreachable(purpose, to, code);
        },
        stopped: (one) => this.#all.delete(one),
      },
      target,
    );
    this.#all.add(kept);
    return kept;
  }

  linkUp(key: string): void {
    for (const kept of this.#byKey.get(key) ?? []) kept.linkUp();
  }

  linkDown(key: string): void {
    for (const kept of this.#byKey.get(key) ?? []) kept.linkDown();
  }

  stop(): void {
    for (const kept of [...this.#all]) kept.stop();
  }

  #pin(kept: KeptPeer, key: string): void {
    const some = this.#byKey.get(key);
    if (some === undefined) this.#byKey.set(key, new Set([kept]));
    else some.add(kept);
    this.#ports.pin(key);
  }

  #unpin(kept: KeptPeer, key: string): void {
    const some = this.#byKey.get(key);
    some?.delete(kept);
    if (some?.size === 0) this.#byKey.delete(key);
    this.#ports.unpin(key);
  }
}
