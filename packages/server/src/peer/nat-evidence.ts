/** Peers whose word counts; those heard longest ago are forgotten. */
const MAX_WITNESSES = 32;
/** A network may change under a node: what was said before does not count for ever. */
const VALID_MS = 3_600_000;

/** What is known of the addresses of this node that anybody should be able to reach; most of it AutoNAT has found out. */
export interface Verdicts {
  /** Somebody has configured where others reach this node. */
  readonly announced: boolean;
  /** A router passes on what comes for one of them. */
  readonly forwarded: boolean;
  /** The node has some of its own, and none of them can be reached. */
  readonly refuted: boolean;
}

export type ReachabilityBasis = 'configured' | 'verified' | 'refuted' | 'translated' | 'presumed';

export interface Reachability {
  readonly reachable: boolean;
  /**
   * `configured`: the option says it. `verified`: others have dialled an address that a router passes on. `refuted`: others have dialled all
   * public addresses in vain. `translated`: a peer saw this node come from an address that is none of its own: there is a router between.
   * `presumed`: nothing speaks against it.
   */
  readonly basis: ReachabilityBasis;
}

/**
 * Whether others can open connections to this node. Without a public address on either side AutoNAT says nothing, and on a local network
 * nobody needs it: there a node is reachable, unless somebody has seen it from behind a router.
 */
export class NatEvidence {
  readonly #isReachable: 'auto' | 'yes' | 'no';
  /** In the order in which they last said something: when, and whether it was translated. */
  readonly #witnesses = new Map<string, { readonly atMs: number; readonly translated: boolean }>();

  constructor(isReachable: 'auto' | 'yes' | 'no') {
    this.#isReachable = isReachable;
  }

  /** How a peer that we have dialled sees us. Nobody who dials us is asked: it has reached us. */
  seen(peerId: string, host: string, ownHosts: readonly string[], nowMs: number): void {
    this.#witnesses.delete(peerId);
    this.#witnesses.set(peerId, { atMs: nowMs, translated: !ownHosts.includes(host) });
    for (const [oldest] of this.#witnesses) {
      if (this.#witnesses.size <= MAX_WITNESSES) return;
      this.#witnesses.delete(oldest);
    }
  }

  /** @param isConnected what a peer said counts as long as there is a connection with it */
  judge(
    { announced, forwarded, refuted }: Verdicts,
    nowMs: number,
    isConnected: (peerId: string) => boolean,
  ): Reachability {
    if (this.#isReachable !== 'auto') return { reachable: this.#isReachable === 'yes', basis: 'configured' };
    if (announced) return { reachable: true, basis: 'configured' };
    if (forwarded) return { reachable: true, basis: 'verified' };
    if (refuted) return { reachable: false, basis: 'refuted' };
    for (const [peerId, { atMs, translated }] of this.#witnesses) {
      if (translated && (nowMs - atMs < VALID_MS || isConnected(peerId)))
        return { reachable: false, basis: 'translated' };
    }
    return { reachable: true, basis: 'presumed' };
  }
}
