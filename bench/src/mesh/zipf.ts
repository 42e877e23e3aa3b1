/** A generator of numbers in [0, 1) that always gives the same ones (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whom each of so many uses is for: the item of rank `r` (from 0) with a likelihood that goes with 1 / (r + 1). */
export function zipfTrace(items: number, length: number, seed: number): Uint32Array {
  const upTo = new Float64Array(items);
  let sum = 0;
  for (let rank = 0; rank < items; rank++) {
    sum += 1 / (rank + 1);
    upTo[rank] = sum;
  }
  const random = seeded(seed);
  return Uint32Array.from({ length }, () => firstAtLeast(upTo, random() * sum));
}

function firstAtLeast(upTo: Float64Array, value: number): number {
  let low = 0;
  let high = upTo.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (upTo[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What a cache of so many items would make of the trace, if it always gives up the one not used for longest. */
export function idealLru(trace: Uint32Array, capacity: number): { readonly hits: number; readonly evictions: number } {
  const kept = new Set<number>();
  let hits = 0;
  let evictions = 0;
  for (const item of trace) {
    if (kept.delete(item)) hits++;
    else if (kept.size === capacity) {
      for (const oldest of kept) {
        kept.delete(oldest);
        break;
      }
      evictions++;
    }
    kept.add(item);
  }
  return { hits, evictions };
}
