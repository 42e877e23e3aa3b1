import type { Gatekeeper, LinkCloseReason, PeerFacts, ProofContext } from '../peer/link-ports.ts';
import { checkProof, makeProof } from './proof.ts';
import { MAX_SECRETS } from './secret.ts';

/** Whether a peer may be who it says it is: another process may run with the same identity. */
export interface KnownPeers {
  /** @returns why a start of a node is not let in, or null */
  objection(nodeId: string, incarnation: number): LinkCloseReason | null;
}

/**
 * Admits those who prove the cluster's secret; who was refused, the link pool tells. The name of the cluster is in the open, so that a node of another one learns that from
 * the first frame, without a proof.
 */
export class ClusterGatekeeper implements Gatekeeper {
  readonly #name: string;
  readonly #greeting: Uint8Array;
  /** The first is the cluster's; the second is valid too, while the nodes change over. */
  readonly #secrets: readonly string[];
  readonly #known: KnownPeers;

  constructor(name: string, secrets: readonly string[], known: KnownPeers) {
    if (secrets.length < 1 || secrets.length > MAX_SECRETS) throw new Error('one or two secrets');
    this.#name = name;
    this.#greeting = Buffer.from(name);
    this.#secrets = secrets;
    this.#known = known;
  }

  greeting(): Uint8Array {
    return this.#greeting;
  }

  welcomes(facts: PeerFacts): LinkCloseReason | null {
    if (Buffer.compare(this.#greeting, facts.greeting) !== 0) return 'wrong_cluster';
    return this.#known.objection(facts.peerId, facts.incarnation);
  }

  prove(context: ProofContext): Uint8Array {
    return makeProof(this.#secrets, this.#name, context);
  }

  check(context: ProofContext, proof: Uint8Array): LinkCloseReason | null {
    return checkProof(this.#secrets, MAX_SECRETS, this.#name, context, proof) ? null : 'wrong_secret';
  }
}
