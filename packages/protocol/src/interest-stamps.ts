const BUCKETS = 4096;

/** Where the stamps of one topic are found. Made once per topic; see `InterestStamps`. */
export interface StampKeys {
  readonly whole: number;
  readonly first: number;
  readonly firstTwo: number;
}

/**
 * Tells whether what was once computed for a topic still holds, without a list of who cached what: every change of a
 * subscription raises the one stamp that all topics it can match share. A filter without wildcards touches
 * its topic only, `a/b/#` the topics under `a/b`, `a/+/c` those under `a`, and `+/x` or `#` all. Stamps are kept in
 * buckets by hash; a collision computes something anew that need not be.
 */
export class InterestStamps {
  #global = 0;
  #buckets = new Float64Array(BUCKETS);

  keysOf(topic: string): StampKeys {
    const firstEnd = topic.indexOf('/');
    const secondEnd = firstEnd === -1 ? -1 : topic.indexOf('/', firstEnd + 1);
    const first = firstEnd === -1 ? topic : topic.slice(0, firstEnd);
    const firstTwo = secondEnd === -1 ? topic : topic.slice(0, secondEnd);
    return { whole: bucket('=', topic), first: bucket('1', first), firstTwo: bucket('2', firstTwo) };
  }

  /** Grows with every change that can touch the topic; equal values mean that nothing changed. */
  stamp(keys: StampKeys): number {
    const buckets = this.#buckets;
    return this.#global + buckets[keys.whole]! + buckets[keys.first]! + buckets[keys.firstTwo]!;
  }

  /** A subscription to `filter` came, went or changed. */
  changed(filter: string): void {
    const wildcard = firstWildcard(filter);
    if (wildcard === -1) this.#raise(bucket('=', filter));
    else {
      // `a/#` matches `a` too, so the literal part may be the whole topic: both kinds of prefix cover that.
      const levels = filter.slice(0, wildcard).split('/');
      levels.pop();
      if (levels.length === 0) this.#global++;
      else if (levels.length === 1) this.#raise(bucket('1', levels[0]!));
      else this.#raise(bucket('2', `${levels[0]}/${levels[1]}`));
    }
  }

  #raise(index: number): void {
    this.#buckets[index] = this.#buckets[index]! + 1;
  }
}

function firstWildcard(filter: string): number {
  const plus = filter.indexOf('+');
  const hash = filter.indexOf('#');
  if (plus === -1) return hash;
  return hash === -1 ? plus : Math.min(plus, hash);
}

function bucket(kind: string, text: string): number {
  let hash = kind.charCodeAt(0);
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 12)) & (BUCKETS - 1);
}
