import type { Clock } from '../lib/clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Kept } from './member.ts';

/** Nodes that make themselves known on the local network: mDNS. */
export interface LanDiscovery {
  /** Calls for each node it hears of, as often as it does. */
  start(onPeer: (target: PeerTarget) => void): void;
  stop(): void;
}

export interface LanPeersSetup {
  readonly discovery: LanDiscovery;
  readonly clock: Clock;
  /** Of this node. */
  readonly nodeId: string;
  keep(target: PeerTarget): Kept;
  /** Whether there is a link to it. */
  isKnown(target: PeerTarget): boolean;
}

/** Anybody on the network can make up as many as they like. */
const MAX_SOUGHT = 64;
const MAX_REFUSED = 1000;
/** One of another cluster says so each time it is asked. */
const REFUSED_FOR_MS = 5 * 60 * 1000;

/** Nodes on the local network that may be of this cluster; the introduction tells. One that cannot be reached is let go until it is heard of again. */
export class LanPeers {
  readonly #setup: LanPeersSetup;
  readonly #sought = new Map<string, Kept>();
  /** Until when those that are not of this cluster are left alone, monotonic. */
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(setup: LanPeersSetup) {
    this.#setup = setup;
  }

  start(): void {
    this.#setup.discovery.start((target) => this.#found(target));
  }

  stop(): void {
    this.#setup.discovery.stop();
    for (const peerId of this.#sought.keys()) this.#letGo(peerId);
  }

  /** To be called when members come and go. */
  refresh(): void {
    for (const peerId of this.#sought.keys()) {
      if (this.#setup.isKnown({ peerId, addresses: [] })) this.#letGo(peerId);
    }
  }

  onRefused(peerId: string): void {
    if (!this.#letGo(peerId)) return;
    this.#refusedUntilMs.set(peerId, this.#setup.clock.now() + REFUSED_FOR_MS);
    for (const oldest of this.#refusedUntilMs.keys()) {
      if (this.#refusedUntilMs.size <= MAX_REFUSED) return;
      this.#refusedUntilMs.delete(oldest);
    }
  }

  onUnreachable(target: PeerTarget): void {
    if (target.peerId !== null) this.#letGo(target.peerId);
  }

  #found(target: PeerTarget): void {
    const { peerId } = target;
    const { nodeId, clock } = this.#setup;
    if (peerId === null || peerId === nodeId || this.#setup.isKnown(target)) return;
    if ((this.#refusedUntilMs.get(peerId) ?? 0) > clock.now()) return;
    this.#refusedUntilMs.delete(peerId);
    const kept = this.#sought.get(peerId);
    if (kept !== undefined) kept.update(target.addresses);
    else if (this.#sought.size < MAX_SOUGHT) this.#sought.set(peerId, this.#setup.keep(target));
  }

  /** @returns whether it was sought */
  #letGo(peerId: string): boolean {
    this.#sought.get(peerId)?.stop();
    return this.#sought.delete(peerId);
  }
}
