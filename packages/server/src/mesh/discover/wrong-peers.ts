import type { Clock } from '../../lib/clock.ts';

/** Peers of which the directory was wrong lately. Bounded: beyond, those that have been here longest are given another chance. */
export class WrongPeers {
  /** Grows whenever a peer comes or goes. */
  stamp = 0;
  /** Those forgotten before their time, for want of room. */
  forgotten = 0;
  readonly #clock: Clock;
  readonly #forMs: number;
  readonly #most: number;
  /** Until when, by peer id; in this order. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock, forMs: number, most: number) {
    this.#clock = clock;
    this.#forMs = forMs;
    this.#most = most;
  }

  get size(): number {
    this.prune();
    return this.#until.size;
  }

  add(peerId: string): void {
    this.prune();
    this.#until.delete(peerId);
    this.#until.set(peerId, this.#clock.now() + this.#forMs);
    this.stamp++;
    if (this.#until.size <= this.#most) return;
    this.#until.delete(this.#until.keys().next().value!);
    this.forgotten++;
  }

  remove(peerId: string): void {
    if (this.#until.delete(peerId)) this.stamp++;
  }

  clear(): void {
    for (const peerId of [...this.#until.keys()]) this.remove(peerId);
  }

  has(peerId: string): boolean {
    const until = this.#until.get(peerId);
    return until !== undefined && until > this.#clock.now();
  }

  /** Lets those go whose time is up. */
  prune(): void {
    if (this.#until.size === 0) return;
    const now = this.#clock.now();
    for (const [peerId, until] of this.#until) {
      if (until > now) return;
      this.#until.delete(peerId);
      this.stamp++;
    }
  }
}
