/** Numbers of the messages that were published on this node since its start, wherever they go: with its id and epoch the identity of each. */
export class Sequence {
  #last = 0;

  /** @returns the first of `count` numbers that go together */
  next(count = 1): number {
    const first = this.#last + 1;
    this.#last += count;
    return first;
  }
}

/** Where a message was published that came from beyond the cluster. */
export interface Origin {
  readonly nodeId: string;
  /** Incarnation of that node. */
  readonly epoch: number;
  readonly sequence: number;
}
