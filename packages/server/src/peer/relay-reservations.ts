import type { Clock, Timer } from '../lib/clock.ts';

/** Relays that a node without a way in is reachable through at once: when one goes, there is the other. */
const WANTED = 2;
/** Relays that are remembered; those heard of longest ago are forgotten. */
const MAX_KNOWN = 32;
const FIRST_PAUSE_MS = 10_000;
const MOST_PAUSE_MS = 600_000;

export interface ReservationPorts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Asks a relay for a place, and connects with it before if need be. Rejects if there is none. @returns addresses of this node through it */
  reserve(peerId: string, addresses: readonly string[]): Promise<readonly string[]>;
  /** It is asked again later. */
  refused(peerId: string, error: Error): void;
  /** `held` is another. */
  changed(): void;
}

interface Relay {
  addresses: readonly string[];
  tries: number;
  /** Monotonic, when it may be tried. */
  nextMs: number;
  isAsked: boolean;
}

/** The places that this node has with relays, while it wants some. */
export class RelayReservations {
  readonly #ports: ReservationPorts;
  /** In the order in which they were heard of. */
  readonly #known = new Map<string, Relay>();
  readonly #held = new Map<string, readonly string[]>();
  #isWanted = false;
  #timer: Timer | null = null;

  constructor(ports: ReservationPorts) {
    this.#ports = ports;
  }

  /** Relays by their peer ids, and addresses of this node through each. */
  get held(): ReadonlyMap<string, readonly string[]> {
    return this.#held;
  }

  want(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    if (isWanted) this.#look();
    else this.#giveUp();
  }

  /** A node that relays, and where it is. */
  heardOf(peerId: string, addresses: readonly string[]): void {
    const known = this.#known.get(peerId);
    this.#known.delete(peerId);
    this.#known.set(peerId, known ?? { addresses, tries: 0, nextMs: 0, isAsked: false });
    if (known !== undefined) known.addresses = addresses;
    for (const [oldest] of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    if (known === undefined) this.#look();
  }

  /** It has given us a place anew, perhaps under other addresses. */
  renewed(peerId: string, addresses: readonly string[]): void {
    if (!this.#held.has(peerId)) return;
    this.#held.set(peerId, addresses);
    this.#ports.changed();
  }

  lost(peerId: string): void {
    if (!this.#held.delete(peerId)) return;
    this.#ports.changed();
    this.#look();
  }

  stop(): void {
    this.#isWanted = false;
    this.#giveUp();
  }

  #giveUp(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#held.size === 0) return;
    this.#held.clear();
    this.#ports.changed();
  }

  #look(): void {
    this.#timer?.cancel();
    this.#timer = null;
    // One at a time: when libp2p has a place, it drops what else it was asked.
    const isBusy = [...this.#known.values()].some(({ isAsked }) => isAsked);
    if (!this.#isWanted || isBusy || this.#held.size >= WANTED) return;
    const nowMs = this.#ports.clock.now();
    const free = [...this.#known].filter(([peerId]) => !this.#held.has(peerId));
    const due = free.find(([, { nextMs }]) => nextMs <= nowMs);
    if (due !== undefined) this.#ask(...due);
    else if (free.length > 0) {
      const soonestMs = Math.min(...free.map(([, { nextMs }]) => nextMs));
      this.#timer = this.#ports.clock.setTimeout(() => this.#look(), soonestMs - nowMs);
    }
  }

  #ask(peerId: string, relay: Relay): void {
    relay.isAsked = true;
    // If it goes at once, it is not asked again at once.
    relay.tries++;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (relay.tries - 1), MOST_PAUSE_MS);
    relay.nextMs = this.#ports.clock.now() + (pauseMs / 2) * (1 + this.#ports.random());
    this.#ports.reserve(peerId, relay.addresses).then(
      (addresses) => {
        relay.isAsked = false;
        relay.tries = 0;
        if (!this.#isWanted) return;
        this.#held.set(peerId, addresses);
        this.#ports.changed();
        this.#look();
      },
      (error: Error) => {
        relay.isAsked = false;
        this.#ports.refused(peerId, error);
        this.#look();
      },
    );
  }
}
