import type { Introducer } from './introduction.ts';
import type { Gatekeeper, LinkCloseReason, LinkPurpose, PeerFacts, ProofContext } from './link-ports.ts';

/** What the pool itself has to say on one introduction. */
export interface IntroductionGuard {
  /** After the gatekeeper of that purpose, if there is one, has been found. */
  purposeKnown(purpose: LinkPurpose): void;
  welcomes(purpose: LinkPurpose, facts: PeerFacts): LinkCloseReason | null;
  /** The peer has proven itself. */
  proven(purpose: LinkPurpose): LinkCloseReason | null;
}

/** Asks the gatekeeper of the purpose first, then the guard: who is not admitted anyway changes nothing here. */
class GuardedGatekeeper implements Gatekeeper {
  readonly #gatekeeper: Gatekeeper;
  readonly #purpose: LinkPurpose;
  readonly #guard: IntroductionGuard;

  constructor(gatekeeper: Gatekeeper, purpose: LinkPurpose, guard: IntroductionGuard) {
    this.#gatekeeper = gatekeeper;
    this.#purpose = purpose;
    this.#guard = guard;
  }

  greeting(): Uint8Array {
    return this.#gatekeeper.greeting();
  }

  welcomes(facts: PeerFacts): LinkCloseReason | null {
    return this.#gatekeeper.welcomes(facts) ?? this.#guard.welcomes(this.#purpose, facts);
  }

  prove(context: ProofContext): Uint8Array {
    return this.#gatekeeper.prove(context);
  }

  check(context: ProofContext, proof: Uint8Array): LinkCloseReason | null {
    return this.#gatekeeper.check(context, proof) ?? this.#guard.proven(this.#purpose);
  }
}

/** For one introduction. */
export function guardedIntroducer(introducer: Introducer, guard: IntroductionGuard): Introducer {
  return {
    ...introducer,
    gatekeeper(purpose) {
      const gatekeeper = introducer.gatekeeper(purpose);
      if (gatekeeper === null) return null;
      const known = purpose as LinkPurpose;
      guard.purposeKnown(known);
      return new GuardedGatekeeper(gatekeeper, known, guard);
    },
  };
}
