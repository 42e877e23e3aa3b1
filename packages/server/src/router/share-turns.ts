/** A node that has members of a shared subscription, and how many messages it is due. */
export interface ShareCandidate {
  readonly nodeId: string;
  /** Its members, of those that may get the message; more than 0. */
  readonly weight: number;
}

/** Shared subscriptions whose turns are kept; those not used for longest are forgotten, which costs evenness for a moment. */
const MAX_SHARES = 100_000;

/**
 * Whose turn it is among the nodes that have members of a shared subscription: each gets messages in proportion to its members, spread
 * evenly (smooth weighted round robin, as nginx has it), also where messages come many at a time.
 */
export class ShareTurns {
  /** By realm and subscription; what each node is owed, in messages times weight. */
  readonly #owed = new Map<string, Map<string, number>>();

  /** @param candidates at least one @param messages how many go there together */
  choose(share: string, candidates: readonly ShareCandidate[], messages: number): string {
    const owed = this.#of(share);
    let total = 0;
    let best: ShareCandidate | null = null;
    let most = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      const { nodeId, weight } = candidate;
      total += weight;
      const due = (owed.get(nodeId) ?? 0) + weight * messages;
      owed.set(nodeId, due);
      if (due > most) {
        best = candidate;
        most = due;
      }
    }
    const { nodeId } = best!;
    owed.set(nodeId, most - total * messages);
    // Of nodes that are no candidates any more nothing is kept.
    if (owed.size > candidates.length) this.#forgetOthers(owed, candidates);
    return nodeId;
  }

  #of(share: string): Map<string, number> {
    let owed = this.#owed.get(share);
    if (owed !== undefined) this.#owed.delete(share);
    else {
      owed = new Map();
      if (this.#owed.size >= MAX_SHARES) this.#owed.delete(this.#owed.keys().next().value!);
    }
    this.#owed.set(share, owed);
    return owed;
  }

  #forgetOthers(owed: Map<string, number>, candidates: readonly ShareCandidate[]): void {
    const stay = new Set(candidates.map(({ nodeId }) => nodeId));
    for (const nodeId of owed.keys()) if (!stay.has(nodeId)) owed.delete(nodeId);
  }
}
