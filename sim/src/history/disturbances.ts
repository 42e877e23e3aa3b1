import type { VirtualTime } from '../virtual-time.ts';

interface Interval {
  readonly from: number;
  /** Infinity: not over. */
  until: number;
}

/** When something was wrong between two nodes: no promise about speed holds then. */
export class Disturbances {
  readonly #time: VirtualTime;
  /** By pair, in order of `from`. */
  readonly #intervals = new Map<string, Interval[]>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Something was wrong just now. */
  note(a: string, b: string): void {
    this.begin(a, b)();
  }

  /** Something is wrong from now on. @returns how to say that it is over */
  begin(a: string, b: string): () => void {
    const interval = { from: this.#time.now, until: Number.POSITIVE_INFINITY };
    const key = pair(a, b);
    const intervals = this.#intervals.get(key);
    if (intervals === undefined) this.#intervals.set(key, [interval]);
    else intervals.push(interval);
    return () => {
      interval.until = this.#time.now;
    };
  }

  /** The end of the first `calmMs` milliseconds after `since` in which nothing was wrong; may lie in the future. */
  calmFrom(a: string, b: string, sinceMs: number, calmMs: number): number {
    let from = sinceMs;
    for (const interval of this.#intervals.get(pair(a, b)) ?? []) {
      if (interval.until < from) continue;
      if (interval.from >= from + calmMs) break;
      from = interval.until;
    }
    return from + calmMs;
  }

  isCalm(a: string, b: string, fromMs: number, untilMs: number): boolean {
    return (this.#intervals.get(pair(a, b)) ?? []).every(({ from, until }) => until < fromMs || from > untilMs);
  }

  /** When anything was last wrong between a node and any other; Infinity while it is. */
  lastOf(node: string): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const [key, intervals] of this.#intervals) {
      if (!key.split(' ').includes(node)) continue;
      for (const interval of intervals) last = Math.max(last, interval.until);
    }
    return last;
  }
}

const pair = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
