import { createHash } from 'node:crypto';
import type { Message } from '../broker/message.ts';
import type { RetainedStore } from '../broker/retained-store.ts';
import { compareStamps, type HybridClock, type Stamp } from '../cluster/hybrid-clock.ts';
import { keepRetained } from './keep-retained.ts';

/** Parts of all topics, by hash, that are compared between nodes one by one. */
export const BUCKETS = 256;
/** Bytes of the digest of a bucket. */
const DIGEST_BYTES = 6;

/** What a node knows of the retained message of a topic: when it was published, not what it says. */
export interface RetainedEntry {
  readonly realm: string;
  readonly topic: string;
  readonly stamp: Stamp;
  /**
   * `deleted`: taken away, or its time had run out; remembered for a while, so that an older message cannot come back. `absent`: there was
   * no room for it here.
   */
  readonly state: 'kept' | 'deleted' | 'absent';
  /** In the sum of its bucket. 0 for what is deleted: nodes forget that at different times, and would have to tell each other again and again. */
  readonly hash: number;
}

export interface RetainedReplicaParts {
  readonly store: RetainedStore;
  readonly stamps: HybridClock;
  readonly wallMs: () => number;
  /** How long deletions are remembered. */
  readonly tombstoneMs: number;
  /** Of each: deletions, and messages for which there was no room. The oldest are forgotten. */
  readonly maxTombstones: number;
  /** A message of another node found no room here. */
  readonly onFull: () => void;
}

/**
 * Which retained message of a topic is the latest, for all nodes of a cluster: the one with the highest hybrid clock, then node id. It
 * decides what goes into the store, and sums up what is in it, so that two nodes that have missed something of each other see where.
 */
export class RetainedReplica {
  readonly #parts: RetainedReplicaParts;
  readonly #buckets: Map<string, RetainedEntry>[] = Array.from({ length: BUCKETS }, () => new Map());
  /** Sums of the hashes in each bucket: order makes no difference. */
  readonly #sums = new Float64Array(BUCKETS);
  #total = 0;
  /** Deleted, oldest first. */
  readonly #tombstones = new Map<string, RetainedEntry>();
  /** Those that the store does not bound either, oldest first. */
  readonly #absent = new Map<string, RetainedEntry>();

  constructor(parts: RetainedReplicaParts) {
    this.#parts = parts;
  }

  get tombstones(): number {
    return this.#tombstones.size;
  }

  /** A client of this node has published it. @param fits whether the store had room for it @returns its stamp */
  published(realm: string, message: Message, fits: boolean): Stamp {
    const stamp = this.#parts.stamps.next(this.#find(realm, message.topic.name)?.stamp);
    this.#note(realm, message.topic.name, stamp, stateOf(message, fits));
    return stamp;
  }

  /** It comes from another node, which says when it was published. @returns whether it is the latest, and so was taken */
  received(realm: string, message: Message, stamp: Stamp): boolean {
    this.#parts.stamps.observe(stamp);
    const known = this.#find(realm, message.topic.name);
    if (known !== null && compareStamps(known.stamp, stamp) >= 0) return false;
    const fits = keepRetained(this.#parts.store, realm, message);
    if (!fits) this.#parts.onFull();
    // Noted also when there is no room: else the nodes would send it to each other for ever.
    this.#note(realm, message.topic.name, stamp, stateOf(message, fits));
    return true;
  }

  /** The sum of everything. */
  get total(): number {
    return this.#total;
  }

  /** Of every bucket. */
  digests(): readonly number[] {
    return [...this.#sums];
  }

  /** What is in a bucket, as it is asked for; may change meanwhile. */
  bucket(index: number): Iterable<RetainedEntry> {
    return this.#buckets[index]!.values();
  }

  /** Forgets deletions that are old enough. */
  tidy(): void {
    const { wallMs, tombstoneMs } = this.#parts;
    const before = wallMs() - tombstoneMs;
    for (const [key, entry] of this.#tombstones) {
      if (entry.stamp.ms > before) return;
      this.#forget(key, entry);
    }
  }

  /** The store has the message no more: its time had run out. */
  expired(realm: string, topic: string): void {
    const entry = this.#find(realm, topic);
    if (entry !== null) this.#note(realm, topic, entry.stamp, 'deleted');
  }

  #find(realm: string, topic: string): RetainedEntry | null {
    const key = keyOf(realm, topic);
    return this.#buckets[bucketOf(key)]!.get(key) ?? null;
  }

  #note(realm: string, topic: string, stamp: Stamp, state: RetainedEntry['state']): void {
    const key = keyOf(realm, topic);
    const earlier = this.#buckets[bucketOf(key)]!.get(key);
    if (earlier !== undefined) this.#forget(key, earlier);
    const hash = state === 'deleted' ? 0 : hashOf(key, stamp);
    const entry: RetainedEntry = { realm, topic, stamp, state, hash };
    const bucket = bucketOf(key);
    this.#buckets[bucket]!.set(key, entry);
    this.#add(bucket, hash);
    if (state === 'deleted') this.#remember(this.#tombstones, key, entry);
    else if (state === 'absent') this.#remember(this.#absent, key, entry);
  }

  #remember(those: Map<string, RetainedEntry>, key: string, entry: RetainedEntry): void {
    those.set(key, entry);
    if (those.size <= this.#parts.maxTombstones) return;
    const [oldest] = those;
    this.#forget(...oldest!);
  }

  #forget(key: string, { hash }: RetainedEntry): void {
    const bucket = bucketOf(key);
    this.#buckets[bucket]!.delete(key);
    this.#tombstones.delete(key);
    this.#absent.delete(key);
    this.#add(bucket, -hash);
  }

  #add(bucket: number, hash: number): void {
    this.#sums[bucket] = sumOf(this.#sums[bucket]!, hash);
    this.#total = sumOf(this.#total, hash);
  }
}

function stateOf(message: Message, fits: boolean): RetainedEntry['state'] {
  if (message.payloadLength === 0) return 'deleted';
  return fits ? 'kept' : 'absent';
}

function keyOf(realm: string, topic: string): string {
  return `${realm}\0${topic}`;
}

function bucketOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 15)) & (BUCKETS - 1);
}

const MODULUS = 2 ** (8 * DIGEST_BYTES);

function sumOf(a: number, b: number): number {
  return (((a + b) % MODULUS) + MODULUS) % MODULUS;
}

/** 48 bits: sums of them stay whole numbers. */
function hashOf(key: string, { ms, counter, nodeId }: Stamp): number {
  return createHash('sha1').update(`${key}\0${ms}\0${counter}\0${nodeId}`).digest().readUIntBE(0, DIGEST_BYTES);
}
