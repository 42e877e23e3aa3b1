import type { Moment, Moments } from './moment.ts';

/** One run of one node, from its start to its end. */
export interface Life {
  readonly nodeId: string;
  /** Over all nodes. */
  readonly number: number;
  readonly incarnation: number;
  readonly started: Moment;
  /** null: it still runs, or is stopped. */
  ended: Moment | null;
}

export class Lives {
  readonly all: Life[] = [];
  readonly #moments: Moments;

  constructor(moments: Moments) {
    this.#moments = moments;
  }

  started(nodeId: string, incarnation: number): Life {
    const life = { nodeId, number: this.all.length, incarnation, started: this.#moments.next(), ended: null };
    this.all.push(life);
    return life;
  }

  ended(life: Life): void {
    life.ended ??= this.#moments.next();
  }

  of(nodeId: string): Life[] {
    return this.all.filter((life) => life.nodeId === nodeId);
  }
}
