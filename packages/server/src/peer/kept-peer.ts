import type { Clock, Timer } from '../lib/clock.ts';
import type { PeerTarget } from './channel.ts';
import { type ContactFailure, type ContactOutcome, sameTexts, type Waiter } from './contact.ts';
import { MOST_TRIES, redialDelayMs } from './redial-delay.ts';

/** A link that was up for less long is reason to dial at once only as often as that: the peer may take channels and drop them. */
const STABLE_MS = 1000;

/** What `LinkPool.keep` gives back. */
export interface KeptLink {
  /** Where the peer is now said to listen. */
  update(addresses: readonly string[]): void;
  /** Tries now, if it waits for the next try. */
  hurry(): void;
  stop(): void;
}

export interface KeptPeerPorts {
  readonly clock: Clock;
  readonly random: () => number;
  connect(target: PeerTarget, waiter: Waiter): void;
  /** Whether there is a link that can be used. */
  isUp(peerId: string): boolean;
  pin(kept: KeptPeer, peerId: string): void;
  unpin(kept: KeptPeer, peerId: string): void;
  failed(target: PeerTarget, failure: ContactFailure): void;
  stopped(kept: KeptPeer): void;
}

/** Sees to it that there is a link with a peer: dials after each loss at once, then with growing delay, for ever. */
export class KeptPeer implements KeptLink, Waiter {
  at: Waiter['at'] = null;
  readonly #ports: KeptPeerPorts;
  #target: PeerTarget;
  /** Whose link it is: of the target, or who has answered there. */
  #peerId: string | null;
  #timer: Timer | null = null;
  #connecting = false;
  #stopped = false;
  #tries = 0;
  #upSinceMs: number | null = null;
  /** When it was last dialled at once after a loss. */
  #hurriedMs = Number.NEGATIVE_INFINITY;

  constructor(ports: KeptPeerPorts, target: PeerTarget) {
    this.#ports = ports;
    this.#target = target;
    this.#peerId = target.peerId;
    if (this.#peerId !== null) ports.pin(this, this.#peerId);
    this.#schedule(0);
  }

  update(addresses: readonly string[]): void {
    if (sameTexts(addresses, this.#target.addresses)) return;
    this.#target = { peerId: this.#target.peerId, addresses };
    this.hurry();
  }

  hurry(): void {
    if (this.#timer !== null) this.#schedule(0);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.at?.remove(this);
    if (this.#peerId !== null) this.#ports.unpin(this, this.#peerId);
    this.#ports.stopped(this);
  }

  /** The link with the peer is up, whoever has dialled. */
  linkUp(): void {
    if (this.#upSinceMs === null) this.#upSinceMs = this.#ports.clock.now();
  }

  /** The link with the peer is lost or closed. */
  linkDown(): void {
    if (this.#stopped || this.#upSinceMs === null) return;
    const now = this.#ports.clock.now();
    const wasStable = now - this.#upSinceMs >= STABLE_MS;
    this.#upSinceMs = null;
    if (wasStable) this.#tries = 0;
    // At once, because only whoever is refused knows that the peer's process is gone.
    const atOnce = now - this.#hurriedMs >= STABLE_MS;
    if (atOnce) this.#hurriedMs = now;
    // Not from here: whoever ends the link may be about to put another in its place.
    if (!this.#connecting) this.#schedule(atOnce ? 0 : this.#nextDelayMs());
  }

  done(outcome: ContactOutcome): void {
    this.#connecting = false;
    if (this.#stopped) return;
    if ('link' in outcome) {
      this.#resolved(outcome.link.peer.peerId);
      if (outcome.link.state === 'up') this.linkUp();
      else this.#schedule(this.#nextDelayMs());
      return;
    }
    const target = this.#target;
    // Whoever has our identity will not be somebody else soon.
    if (outcome.failure.reason === 'same_identity') this.#tries = MOST_TRIES;
    this.#schedule(this.#nextDelayMs());
    this.#ports.failed(target, outcome.failure);
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.setTimeout(() => this.#try(), delayMs);
  }

  #nextDelayMs(): number {
    this.#tries = Math.min(this.#tries + 1, MOST_TRIES);
    return redialDelayMs(this.#tries, this.#ports.random);
  }

  #try(): void {
    this.#timer = null;
    if (this.#peerId !== null && this.#ports.isUp(this.#peerId)) {
      this.linkUp();
      return;
    }
    this.#connecting = true;
    // Who answered before is asked for by name first: others who want a link with it share that dial.
    const peerId = this.#target.peerId ?? (this.#tries === 0 ? this.#peerId : null);
    this.#ports.connect({ peerId, addresses: this.#target.addresses }, this);
  }

  #resolved(peerId: string): void {
    if (peerId === this.#peerId) return;
    const before = this.#peerId;
    this.#peerId = peerId;
    this.#ports.pin(this, peerId);
    if (before !== null) this.#ports.unpin(this, before);
  }
}
