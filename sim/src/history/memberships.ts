import type { Life } from './lives.ts';
import type { Moment, Moments } from './moment.ts';

/** A time in which one node held another to be up. */
export interface UpTime {
  readonly incarnation: number;
  readonly from: Moment;
  until: Moment | null;
}

/** What each life of each node believed of the others. */
export class Memberships {
  readonly #moments: Moments;
  /** By the number of the life that believes, then by node. */
  readonly #upTimes = new Map<number, Map<string, UpTime[]>>();

  constructor(moments: Moments) {
    this.#moments = moments;
  }

  changed(observer: Life, nodeId: string, incarnation: number, state: 'up' | 'gone'): void {
    const times = this.of(observer, nodeId);
    const last = times.at(-1);
    if (state === 'up') times.push({ incarnation, from: this.#moments.next(), until: null });
    else if (last !== undefined && last.incarnation === incarnation) last.until ??= this.#moments.next();
  }

  /** Oldest first. */
  of(observer: Life, nodeId: string): UpTime[] {
    let byNode = this.#upTimes.get(observer.number);
    if (byNode === undefined) {
      byNode = new Map();
      this.#upTimes.set(observer.number, byNode);
    }
    let times = byNode.get(nodeId);
    if (times === undefined) {
      times = [];
      byNode.set(nodeId, times);
    }
    return times;
  }

  /** The time in which `observer` held that life of a node to be up, from `since` at the latest until after `to`; null: there is none. */
  throughout(observer: Life, other: Life, sinceMs: number, to: Moment): UpTime | null {
    for (const time of this.of(observer, other.nodeId)) {
      if (time.incarnation !== other.incarnation || time.from.at > sinceMs) continue;
      if (time.until === null || time.until.order > to.order) return time;
    }
    return null;
  }
}
