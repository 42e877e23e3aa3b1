/**
 * Starts of nodes that said good-bye. For a while others still mention them as up, because they have not heard it yet; nobody is to
 * look for them again.
 */
export class Departed {
  readonly #entries = new Map<string, { incarnation: number; atMs: number }>();
  readonly #most: number;

  /** @param most how many are remembered; beyond it the one that left first is forgotten */
  constructor(most: number) {
    this.#most = most;
  }

  add(nodeId: string, incarnation: number, nowMs: number): void {
    this.#entries.delete(nodeId);
    this.#entries.set(nodeId, { incarnation, atMs: nowMs });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) return;
      this.#entries.delete(oldest);
    }
  }

  /** Whether that start of the node has left. */
  has(nodeId: string, incarnation: number): boolean {
    return (this.#entries.get(nodeId)?.incarnation ?? -1) >= incarnation;
  }

  delete(nodeId: string): void {
    this.#entries.delete(nodeId);
  }

  /** Forgets those that left before `beforeMs`. */
  sweep(beforeMs: number): void {
    for (const [nodeId, { atMs }] of this.#entries) {
      if (atMs >= beforeMs) return;
      this.#entries.delete(nodeId);
    }
  }
}
