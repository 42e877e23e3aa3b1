import { NotFoundError } from '@libp2p/interface';
import type { Key, Pair } from 'interface-datastore';
import { base32 } from 'multiformats/bases/base32';
import type { Clock } from '../lib/clock.ts';
import { PlainDatastore } from './plain-datastore.ts';
import { RecencyList, type Recent } from './recency-list.ts';

export interface RecordLimits {
  /** From when it was put here. */
  readonly validityMs: number;
  /** Of all peers; past it the oldest goes. */
  readonly maxRecords: number;
  /** Past it the oldest of the key goes. */
  readonly maxPerKey: number;
  /** Past it the oldest of the peer goes: one peer shall not push out all others. */
  readonly maxPerPeer: number;
}

export const RECORD_LIMITS: RecordLimits = {
  validityMs: 300_000,
  maxRecords: 200_000,
  maxPerKey: 1000,
  maxPerPeer: 40_000,
};

/** As kad-dht names them: the multihash in base32, SHA2-256 and 32 bytes as all of ours are, and the peer, which has an Ed25519 key. */
const RECORD = /^\/dht\/provider\/(ciq[a-z2-7]{52})\/(12D3KooW[1-9A-HJ-NP-Za-km-z]{44})$/;
const ONE_KEY = /^\/dht\/provider\/(ciq[a-z2-7]{52})$/;
/** A record is the time at which it came, as a varint. */
const MAX_VALUE_BYTES = 16;

interface Entry extends Recent<Entry> {
  readonly key: Key;
  readonly under: string;
  readonly peerId: string;
  value: Uint8Array;
  /** Clock milliseconds. */
  putAtMs: number;
}

/**
 * What is kept here for the directory: which peer can be found under which key. In memory, because it is said again every few minutes.
 *
 * Never hands out a record that has expired, which kad-dht does not look at; nor keeps one of this node: kad-dht would repeat it by
 * itself, and the advertiser does that. Anything else that kad-dht would keep is refused.
 */
export class RecordStore extends PlainDatastore {
  /** Records that went before their time, because there was no room. */
  evicted = 0;
  /** What is no record of ours. */
  refused = 0;
  /** The last record of a peer is gone. */
  onPeerGone: ((peerId: string) => void) | null = null;
  readonly #self: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #limits: RecordLimits;
  /** By key, then by peer; the oldest first. */
  readonly #byKey = new Map<string, Map<string, Entry>>();
  /** The oldest first. */
  readonly #byPeer = new Map<string, Set<Entry>>();
  /** All are valid for the same time, so this is the order in which they expire. */
  readonly #all = new RecencyList<Entry>();

  constructor(self: string, clock: Pick<Clock, 'now'>, limits: RecordLimits) {
    super();
    this.#self = self;
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    this.expire();
    return this.#all.size;
  }

  hasPeer(peerId: string): boolean {
    this.expire();
    return this.#byPeer.has(peerId);
  }

  /** Who can be found under a key, the oldest first. @param multihash of it */
  peersUnder(multihash: Uint8Array): string[] {
    this.expire();
    return [...(this.#byKey.get(base32.baseEncode(multihash))?.keys() ?? [])];
  }

  /** Forgets what has expired. Also done before every answer; to be called now and then, to free the memory. */
  expire(): void {
    const before = this.#clock.now() - this.#limits.validityMs;
    for (let oldest = this.#all.oldest; oldest !== null && oldest.putAtMs <= before; oldest = this.#all.oldest) {
      this.#remove(oldest);
    }
  }

  put(key: Key, value: Uint8Array): Key {
    const parts = RECORD.exec(key.toString());
    if (parts === null || value.length > MAX_VALUE_BYTES) {
      this.refused++;
      throw new TypeError('only records of this directory are kept');
    }
    const [, under, peerId] = parts as unknown as [string, string, string];
    if (peerId === this.#self) return key;
    this.expire();
    const known = this.#byKey.get(under)?.get(peerId);
    if (known !== undefined) this.#remove(known, false);
    else this.#makeRoom(under, peerId);
    // A copy: the value may be a view of all that came with it.
    const putAtMs = this.#clock.now();
    const entry = { key, under, peerId, value: value.slice(), putAtMs, older: null, newer: null, inList: false };
    this.#add(entry);
    return key;
  }

  get(key: Key): Uint8Array {
    const entry = this.#find(key);
    if (entry === undefined) throw new NotFoundError();
    return entry.value;
  }

  has(key: Key): boolean {
    return this.#find(key) !== undefined;
  }

  delete(key: Key): void {
    const entry = this.#find(key);
    if (entry !== undefined) this.#remove(entry);
  }

  /** Of one key only: whoever asks for all wants to clean up, and there is nothing to be cleaned. */
  protected entries(prefix: string): Pair[] {
    this.expire();
    const under = ONE_KEY.exec(prefix)?.[1];
    const entries = under === undefined ? undefined : this.#byKey.get(under);
    return [...(entries?.values() ?? [])].map(({ key, value }) => ({ key, value }));
  }

  #find(key: Key): Entry | undefined {
    this.expire();
    const parts = RECORD.exec(key.toString());
    return parts === null ? undefined : this.#byKey.get(parts[1]!)?.get(parts[2]!);
  }

  #add(entry: Entry): void {
    const { under, peerId } = entry;
    const ofKey = this.#byKey.get(under);
    if (ofKey === undefined) this.#byKey.set(under, new Map([[peerId, entry]]));
    else ofKey.set(peerId, entry);
    const ofPeer = this.#byPeer.get(peerId);
    if (ofPeer === undefined) this.#byPeer.set(peerId, new Set([entry]));
    else ofPeer.add(entry);
    this.#all.touch(entry);
  }

  #makeRoom(under: string, peerId: string): void {
    const { maxRecords, maxPerKey, maxPerPeer } = this.#limits;
    const ofPeer = this.#byPeer.get(peerId);
    if (ofPeer !== undefined && ofPeer.size >= maxPerPeer) this.#evict(ofPeer.values().next().value!);
    const ofKey = this.#byKey.get(under);
    if (ofKey !== undefined && ofKey.size >= maxPerKey) this.#evict(ofKey.values().next().value!);
    if (this.#all.size >= maxRecords) this.#evict(this.#all.oldest!);
  }

  #evict(entry: Entry): void {
    this.evicted++;
    this.#remove(entry);
  }

  /** @param forGood false: the same peer's next record takes its place */
  #remove(entry: Entry, forGood = true): void {
    const { under, peerId } = entry;
    this.#all.delete(entry);
    const ofKey = this.#byKey.get(under)!;
    ofKey.delete(peerId);
    if (ofKey.size === 0) this.#byKey.delete(under);
    const ofPeer = this.#byPeer.get(peerId)!;
    ofPeer.delete(entry);
    if (ofPeer.size > 0) return;
    this.#byPeer.delete(peerId);
    if (forGood) this.onPeerGone?.(peerId);
  }
}
