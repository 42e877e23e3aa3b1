import { Invariant } from './invariant.ts';

/** Within this time a node that is gone is held to be gone, whatever is wrong with the network. */
const NOTICED_MS = 6_000;

/** A life that has ended does not stay up in anybody's eyes: heartbeats notice what the transport does not. */
export class FailureNoticed extends Invariant {
  readonly name = 'a failure is noticed';
  /** By number of life: when the node was last seen stopped. */
  readonly #suspendedAt = new Map<number, number>();

  override everySecond(): void {
    const { now } = this.history.time;
    const since = now - NOTICED_MS;
    const ended = this.history.lives.all.filter((life) => life.ended !== null && life.ended.at < since);
    for (const { life, suspended } of this.parts.running()) {
      if (suspended) this.#suspendedAt.set(life.number, now);
      if ((this.#suspendedAt.get(life.number) ?? Number.NEGATIVE_INFINITY) > since) continue;
      for (const other of ended) {
        const time = this.history.memberships.of(life, other.nodeId).at(-1);
        if (time === undefined || time.until !== null || time.incarnation !== other.incarnation) continue;
        this.report(
          `${life.nodeId} holds ${other.nodeId} (${other.incarnation}) to be up, which ended at ${other.ended!.at.toFixed(1)}`,
        );
      }
    }
  }
}
