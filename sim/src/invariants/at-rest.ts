import { Invariant, type RunningNode } from './invariant.ts';

/** When nothing is wrong any more, no node loses another. */
export class AtRest extends Invariant {
  readonly name = 'no failure without a fault';
  #settled = false;

  override whenSettled(): void {
    this.#settled = true;
  }

  override onMember({ life }: RunningNode, nodeId: string, incarnation: number, state: 'up' | 'gone'): void {
    if (this.#settled)
      this.report(`${life.nodeId} says that ${nodeId} (${incarnation}) is ${state}, and nothing is wrong`);
  }
}
