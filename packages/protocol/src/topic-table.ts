import { readTopicName, type TopicLimits } from './topic.ts';

/**
 * A topic that was published on not long ago: decoded and checked once, then found again by its bytes.
 */
export class RecentTopic {
  readonly name: string;
  /** The UTF-8 of `name`, in memory of its own. */
  readonly bytes: Uint8Array;
  readonly hash: number;
  readonly levels: number;
  /** Whatever the table's owner wants to find again with the topic; the router keeps its matches here. */
  route: unknown = null;

  constructor(name: string, bytes: Uint8Array, hash: number) {
    this.name = name;
    this.bytes = bytes;
    this.hash = hash;
    this.levels = name.split('/').length;
  }
}

const WAYS = 4;

/**
 * A bounded table of recent topics, keyed by their bytes: a hit costs a hash and a comparison, and proves that the
 * topic is well-formed, because only well-formed ones get in.
 *
 * Set-associative like a processor's cache: `WAYS` places for each hash, the topic used last in the first of them; a
 * miss pushes out the one in the last. So it needs no list to keep order, and its cost per look-up is bounded whatever the topics are.
 */
export class TopicTable {
  #places: (RecentTopic | null)[];
  #setMask: number;
  #limits: TopicLimits;
  #onEvict: ((topic: RecentTopic) => void) | null;

  /**
   * @param capacity topics held at most; rounded up to a power of two, at least 4
   * @param onEvict hears of a topic that leaves the table, before its `route` is let go
   */
  constructor(capacity: number, limits: TopicLimits, onEvict: ((topic: RecentTopic) => void) | null = null) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, capacity / WAYS)));
    this.#places = new Array<RecentTopic | null>(sets * WAYS).fill(null);
    this.#setMask = sets - 1;
    this.#limits = limits;
    this.#onEvict = onEvict;
  }

  /**
   * The topic whose bytes are `buffer[start, end)`.
   * @throws {PacketError} if they are not a topic name; nothing is kept then
   */
  lookup(buffer: Uint8Array, start: number, end: number): RecentTopic {
    const places = this.#places;
    const hash = hashBytes(buffer, start, end);
    const first = (hash & this.#setMask) * WAYS;
    for (let i = first; i < first + WAYS; i++) {
      const topic = places[i];
      if (topic != null && topic.hash === hash && sameBytes(topic.bytes, buffer, start, end)) {
        if (i > first) this.#toFront(topic, first, i);
        return topic;
      }
    }
    const topic = new RecentTopic(
      readTopicName(buffer, start, end, this.#limits),
      new Uint8Array(buffer.subarray(start, end)),
      hash,
    );
    const last = first + WAYS - 1;
    const evicted = places[last];
    if (evicted != null) {
      this.#onEvict?.(evicted);
      evicted.route = null;
    }
    this.#toFront(topic, first, last);
    return topic;
  }

  /** Puts `topic` at `first`; those between move one place back, over what is at `from`. */
  #toFront(topic: RecentTopic, first: number, from: number): void {
    const places = this.#places;
    for (let i = from; i > first; i--) places[i] = places[i - 1]!;
    places[first] = topic;
  }

  /** Lets go of everything kept in `route`, for an owner whose routes have become too many. */
  forgetRoutes(): void {
    for (const topic of this.#places) if (topic != null) topic.route = null;
  }
}

/** Whether `bytes` equals `buffer[start, end)`. Topics are short: a loop beats a call into native code. */
export function sameBytes(bytes: Uint8Array, buffer: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (bytes.length !== length) return false;
  // From the end: topics of one system tend to differ in their last level.
  for (let i = length - 1; i >= 0; i--) if (bytes[i] !== buffer[start + i]) return false;
  return true;
}

/** FNV-1a, 32 bits. Collisions cost a cache miss, never a wrong topic, so it needs no secret. */
function hashBytes(buffer: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
