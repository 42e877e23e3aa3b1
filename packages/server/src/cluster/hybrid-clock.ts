import type { Clock } from '../lib/clock.ts';

/** When something happened, in an order that respects causes and is total over all nodes. */
export interface Stamp {
  /** Since 1970, as the fastest clock believed that this one knows of. */
  readonly ms: number;
  /** Tells apart what happened in one millisecond. */
  readonly counter: number;
  readonly nodeId: string;
}

/** How far ahead of this node's clock another may pull it: else one wrong clock would move all of them, for good. */
const MAX_AHEAD_MS = 60 * 60 * 1000;
const MAX_COUNTER = 0xffff;
const TEXT = /^([0-9a-f]{12})([0-9a-f]{4})-(.+)$/s;

/**
 * A hybrid logical clock: Kulkarni et al., "Logical Physical Clocks", 2014, figure 5. Its stamps grow, are greater than every stamp
 * observed before, and stay near the wall clock.
 */
export class HybridClock {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #nodeId: string;
  readonly #maxAheadMs: number;
  #ms = 0;
  #counter = 0;

  constructor(clock: Pick<Clock, 'wallMs'>, nodeId: string, maxAheadMs = MAX_AHEAD_MS) {
    this.#clock = clock;
    this.#nodeId = nodeId;
    this.#maxAheadMs = maxAheadMs;
  }

  /**
   * For something that happens here, now.
   * @param after what it takes the place of: it comes after that whatever the clocks say
   */
  next(after: Stamp | null = null): Stamp {
    const wallMs = Math.floor(this.#clock.wallMs());
    if (wallMs > this.#ms) {
      this.#ms = wallMs;
      this.#counter = 0;
    } else if (this.#counter < MAX_COUNTER) this.#counter++;
    else {
      this.#ms++;
      this.#counter = 0;
    }
    const stamp = { ms: this.#ms, counter: this.#counter, nodeId: this.#nodeId };
    // Of a clock too far ahead to be followed: only what takes its place is stamped as late.
    return after === null || compareStamps(stamp, after) > 0 ? stamp : { ...stamp, ms: after.ms + 1, counter: 0 };
  }

  /**
   * What is stamped from here on comes after `stamp`.
   * @returns false: it is further ahead than a clock may be, and is not followed: until then it comes after what is stamped here
   */
  observe({ ms, counter }: Stamp): boolean {
    if (ms > this.#clock.wallMs() + this.#maxAheadMs) return false;
    if (ms > this.#ms || (ms === this.#ms && counter > this.#counter)) {
      this.#ms = ms;
      this.#counter = counter;
    }
    return true;
  }
}

/** Below 0: `a` came first. 0 only for the same stamp. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.ms !== b.ms) return a.ms - b.ms;
  if (a.counter !== b.counter) return a.counter - b.counter;
  return a.nodeId < b.nodeId ? -1 : a.nodeId > b.nodeId ? 1 : 0;
}

/** 12 hexadecimal digits of `ms`, 4 of the counter, `-`, the node: texts sort as stamps do. */
export function stampText({ ms, counter, nodeId }: Stamp): string {
  return `${ms.toString(16).padStart(12, '0')}${counter.toString(16).padStart(4, '0')}-${nodeId}`;
}

/** @returns null: not the text of a stamp */
export function parseStamp(text: string): Stamp | null {
  const [, ms, counter, nodeId] = TEXT.exec(text) ?? [];
  if (ms === undefined || counter === undefined || nodeId === undefined) return null;
  return { ms: Number.parseInt(ms, 16), counter: Number.parseInt(counter, 16), nodeId };
}
