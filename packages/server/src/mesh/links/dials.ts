import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../../lib/clock.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import type { Gatekeeper, Link, LinkEvents } from '../../peer/link-ports.ts';
import { MOST_TRIES, redialDelayMs } from '../../peer/redial-delay.ts';
import type { MeshPeer } from './link-peer.ts';

/** The link pool, as the mesh needs it. */
export interface MeshPool {
  open(purpose: 'mesh', gatekeeper: Gatekeeper, events: LinkEvents): void;
  getOrCreate(purpose: 'mesh', target: PeerTarget, signal?: AbortSignal): Promise<Link>;
  /** Up or lost; null: none. */
  find(purpose: 'mesh', peerId: string): Link | null;
}

export interface DialsSetup {
  readonly pool: MeshPool;
  readonly clock: Clock;
  readonly random: () => number;
  schedule(): void;
  /** @param mayRetry after `notBeforeMs`; else it says nothing of this peer that it could not be dialled */
  failed(peer: MeshPeer, mayRetry: boolean): void;
}

/** Dials peers at the end of the turn, once however many want it, and after a failure not before a pause that grows. */
export class Dials {
  readonly #setup: DialsSetup;
  readonly #wanted = new Set<MeshPeer>();
  readonly #stopped = new AbortController();

  constructor(setup: DialsSetup) {
    this.#setup = setup;
  }

  want(peer: MeshPeer): void {
    this.#wanted.add(peer);
    this.#setup.schedule();
  }

  isUnderWay(peer: MeshPeer): boolean {
    return peer.isDialling || this.#wanted.has(peer);
  }

  endOfTurn(): void {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const peer of wanted) {
      // One that is evicted is still up, but takes nothing new.
      const isThere = peer.isUp && this.#setup.pool.find('mesh', peer.peerId) === peer.link;
      if (isThere || peer.isDialling) continue;
      if (this.#setup.clock.now() < peer.notBeforeMs) this.#setup.failed(peer, true);
      else this.#dial(peer);
    }
  }

  /** Dialling it has come to nothing. */
  pause(peer: MeshPeer): void {
    const { clock, random } = this.#setup;
    peer.failures++;
    peer.notBeforeMs = clock.now() + redialDelayMs(Math.min(peer.failures, MOST_TRIES), random);
  }

  stop(): void {
    this.#stopped.abort(new PlexusError('shutting_down'));
    this.#wanted.clear();
  }

  #dial(peer: MeshPeer): void {
    const { pool, failed } = this.#setup;
    const { signal } = this.#stopped;
    if (signal.aborted) return;
    peer.isDialling = true;
    const target = { peerId: peer.peerId, addresses: peer.addresses };
    pool.getOrCreate('mesh', target, signal).then(
      () => {
        peer.isDialling = false;
      },
      (error) => {
        peer.isDialling = false;
        if (peer.isUp || signal.aborted) return;
        const isFull = error instanceof PlexusError && error.code === 'quota_exceeded';
        if (!isFull) this.pause(peer);
        failed(peer, !isFull);
      },
    );
  }
}
