import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import type { Gatekeeper, Link, LinkEvents } from '../../peer/link-ports.ts';
import { MOST_TRIES, redialDelayMs } from '../../peer/redial-delay.ts';
import type { MeshPeer } from './link-peer.ts';

/** The directory may name any number, and most of them may be made up: some room of the pool is left to others. */
const MAX_DIALS = 500;
/** When the pool has no room, it is asked again after this. */
const FULL_PAUSE_MS = 200;

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
  /** It may be dialled again after `notBeforeMs`. */
  failed(peer: MeshPeer): void;
}

/**
 * Dials peers at the end of the turn, once however many want it, and after a failure not before a pause that grows. Where too many are dialled
 * already, a peer waits for its turn: that says nothing of it.
 */
export class Dials {
  readonly #setup: DialsSetup;
  readonly #wanted = new Set<MeshPeer>();
  readonly #stopped = new AbortController();
  #underWay = 0;
  /** Until it rings, the pool has no room. */
  #full: Timer | null = null;

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
    for (const peer of this.#wanted) {
      if (this.#underWay >= MAX_DIALS || this.#full !== null) return;
      this.#wanted.delete(peer);
      // One that is evicted is still up, but takes nothing new.
      const isThere = peer.isUp && this.#setup.pool.find('mesh', peer.peerId) === peer.link;
      if (isThere || peer.isDialling) continue;
      if (this.#setup.clock.now() < peer.notBeforeMs) this.#setup.failed(peer);
      else this.#dial(peer);
    }
  }

  /** Dialling it has come to nothing. */
  pause(peer: MeshPeer): void {
    const { clock, random } = this.#setup;
    if (peer.failures++ === 0) peer.failingSinceMs = clock.now();
    peer.notBeforeMs = clock.now() + redialDelayMs(Math.min(peer.failures, MOST_TRIES), random);
  }

  stop(): void {
    this.#stopped.abort(new PlexusError('shutting_down'));
    this.#wanted.clear();
    this.#full?.cancel();
  }

  #dial(peer: MeshPeer): void {
    const { pool, failed } = this.#setup;
    const { signal } = this.#stopped;
    if (signal.aborted) return;
    peer.isDialling = true;
    this.#underWay++;
    const target = { peerId: peer.peerId, addresses: peer.addresses };
    pool.getOrCreate('mesh', target, signal).then(
      () => this.#ended(peer),
      (error) => {
        this.#ended(peer);
        if (peer.isUp || signal.aborted) return;
        if (error instanceof PlexusError && error.code === 'quota_exceeded') {
          this.#later(peer);
          return;
        }
        this.pause(peer);
        failed(peer);
      },
    );
  }

  #ended(peer: MeshPeer): void {
    peer.isDialling = false;
    this.#underWay--;
    if (this.#wanted.size > 0) this.#setup.schedule();
  }

  #later(peer: MeshPeer): void {
    this.#wanted.add(peer);
    this.#full ??= this.#setup.clock.setTimeout(() => {
      this.#full = null;
      this.#setup.schedule();
    }, FULL_PAUSE_MS);
  }
}
