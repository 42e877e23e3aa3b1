/** Sequence numbers of an origin that are told apart: this many up to the highest that came. 8 KiB for each origin. */
export const ORIGIN_WINDOW = 65_536;
/** Origins of which the window is kept: the least recently heard one is forgotten first. */
const MAX_ORIGINS = 1024;

/** Which numbers of one origin have come: a ring with a bit for each number of the window. */
class Seen {
  #highest: number;
  readonly #bits = new Uint32Array(ORIGIN_WINDOW / 32);

  constructor(first: number) {
    this.#highest = first - 1;
  }

  /** @returns whether it was not there */
  add(sequence: number): boolean {
    if (sequence <= this.#highest - ORIGIN_WINDOW) return true;
    if (sequence > this.#highest) this.#moveTo(sequence);
    const at = sequence % ORIGIN_WINDOW;
    const bit = 1 << (at & 31);
    const word = this.#bits[at >>> 5]!;
    this.#bits[at >>> 5] = word | bit;
    return (word & bit) === 0;
  }

  #moveTo(sequence: number): void {
    if (sequence - this.#highest >= ORIGIN_WINDOW) this.#bits.fill(0);
    else {
      for (let passed = this.#highest + 1; passed <= sequence; passed++) {
        const at = passed % ORIGIN_WINDOW;
        this.#bits[at >>> 5]! &= ~(1 << (at & 31));
      }
    }
    this.#highest = sequence;
  }
}

/**
 * Tells messages at QoS 1 and 2 that come a second time, by the numbers they got where they were published: origin node, epoch of that
 * node's start, sequence. What a link resends it drops itself; this is for what comes again over another link.
 *
 * What is below the window counts as new: a late message that is delivered twice does less harm than one that is lost.
 */
export class OriginWindow {
  readonly #maxOrigins: number;
  /** Least recently heard first. */
  readonly #origins = new Map<string, Seen>();
  #last: { readonly origin: string; readonly epoch: number; readonly seen: Seen } | null = null;

  constructor(maxOrigins = MAX_ORIGINS) {
    this.#maxOrigins = maxOrigins;
  }

  /** Origins that are remembered. */
  get size(): number {
    return this.#origins.size;
  }

  /** Says whether a message has not come before, and remembers it. */
  isNew(origin: string, epoch: number, sequence: number): boolean {
    const last = this.#last;
    if (last !== null && last.origin === origin && last.epoch === epoch) return last.seen.add(sequence);
    const seen = this.#find(`${epoch} ${origin}`, sequence);
    this.#last = { origin, epoch, seen };
    return seen.add(sequence);
  }

  #find(key: string, sequence: number): Seen {
    const seen = this.#origins.get(key) ?? new Seen(sequence);
    this.#origins.delete(key);
    this.#origins.set(key, seen);
    if (this.#origins.size > this.#maxOrigins) this.#origins.delete(this.#origins.keys().next().value!);
    return seen;
  }
}
