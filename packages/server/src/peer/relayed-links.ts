import type { Clock } from '../lib/clock.ts';
import { parsePeerAddress } from './addresses.ts';
import type { PeerLink } from './peer-link.ts';

/** A new relayed channel is asked for at most this often, in place of one that ends soon or is gone. */
const RENEW_PAUSE_MS = 1000;

export interface RelayedLinksOptions {
  /** Between the first tries to reach the peer of a relayed link directly; twice that after each that failed. */
  readonly directFirstMs: number;
  readonly directMostMs: number;
}

export interface RelayedLinksPorts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Opens another channel for the link, unless something is under way. @param addresses null: all that are known */
  renew(link: PeerLink, addresses: readonly string[] | null): void;
}

interface Plan {
  tries: number;
  /** Monotonic: when the peer is next dialled directly, and when a new relayed channel may be opened. */
  directMs: number;
  renewMs: number;
}

/**
 * Sees to it that relayed links become direct ones where that works, and that a channel which its relay is about to cut is replaced before:
 * else it is when it is gone.
 * Both ends dial directly, at times of their own: one may be able to where the other is not. If they do at once, the contact decides.
 */
export class RelayedLinks {
  readonly #ports: RelayedLinksPorts;
  readonly #options: RelayedLinksOptions;
  readonly #plans = new WeakMap<PeerLink, Plan>();

  constructor(ports: RelayedLinksPorts, options: RelayedLinksOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  tick(links: Iterable<PeerLink>): void {
    const nowMs = this.#ports.clock.now();
    for (const link of links) {
      if (!link.isRelayed) this.#plans.delete(link);
      else if (link.state !== 'closed') this.#look(link, this.#planOf(link, nowMs), nowMs);
    }
  }

  #planOf(link: PeerLink, nowMs: number): Plan {
    let plan = this.#plans.get(link);
    if (plan === undefined) {
      // At once: whoever is behind a router can often dial the other end, which could only dial the relay.
      plan = { tries: 0, directMs: nowMs, renewMs: nowMs };
      this.#plans.set(link, plan);
    }
    return plan;
  }

  #look(link: PeerLink, plan: Plan, nowMs: number): void {
    // Before its end only one of the two: whoever was dialled may not know the peer at any relay.
    const isWanted = link.state === 'lost' || (link.isEnding && link.isOutbound);
    if (isWanted && nowMs >= plan.renewMs) {
      plan.renewMs = nowMs + RENEW_PAUSE_MS;
      this.#ports.renew(link, null);
    } else if (link.state === 'up' && nowMs >= plan.directMs) {
      plan.directMs = nowMs + this.#nextDelayMs(plan.tries++);
      const direct = link.peerAddresses.filter(isDirect);
      if (direct.length > 0) this.#ports.renew(link, direct);
    }
  }

  /** Half of it for certain, half at random. */
  #nextDelayMs(tries: number): number {
    const { directFirstMs, directMostMs } = this.#options;
    const whole = Math.min(directFirstMs * 2 ** tries, directMostMs);
    return (whole / 2) * (1 + this.#ports.random());
  }
}

function isDirect(address: string): boolean {
  const parsed = parsePeerAddress(address);
  return parsed !== null && parsed.transport !== 'relay';
}
