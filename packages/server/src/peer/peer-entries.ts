import { NotFoundError } from '@libp2p/interface';
import type { Key, Pair } from 'interface-datastore';
import { PlainDatastore } from './plain-datastore.ts';
import { RecencyList, type Recent } from './recency-list.ts';

export interface PeerEntryLimits {
  readonly maxEntries: number;
  /** Of all values. */
  readonly maxBytes: number;
  /** Of one value; more is refused. */
  readonly maxEntryBytes: number;
}

export const PEER_ENTRY_LIMITS: PeerEntryLimits = {
  maxEntries: 20_000,
  maxBytes: 32 * 1024 * 1024,
  maxEntryBytes: 32 * 1024,
};

interface Entry extends Recent<Entry> {
  readonly key: Key;
  readonly text: string;
  value: Uint8Array;
}

/**
 * What libp2p's peer store remembers of peers: addresses, protocols. Whoever is asked in the directory names others, true or made up, and
 * each of them comes to be here; so what was not used for longest goes when there is no room.
 */
export class PeerEntries extends PlainDatastore {
  /** Went because there was no room. */
  evicted = 0;
  /** Were too large. */
  refused = 0;
  bytes = 0;
  readonly #limits: PeerEntryLimits;
  /** Of this node: without it nobody would be told who it is. */
  readonly #ownKey: string;
  readonly #entries = new Map<string, Entry>();
  readonly #order = new RecencyList<Entry>();

  /** @param ownKey of the entry that always stays */
  constructor(ownKey: string, limits: PeerEntryLimits) {
    super();
    this.#ownKey = ownKey;
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  put(key: Key, value: Uint8Array): Key {
    const text = key.toString();
    const { maxEntries, maxBytes, maxEntryBytes } = this.#limits;
    if (value.length > maxEntryBytes && text !== this.#ownKey) {
      this.refused++;
      throw new RangeError('too much to remember of one peer');
    }
    this.delete(key);
    const entry = { key, text, value, older: null, newer: null, inList: false };
    this.#entries.set(text, entry);
    this.bytes += value.length;
    if (text !== this.#ownKey) this.#order.touch(entry);
    while (this.#order.size > 1 && (this.#entries.size > maxEntries || this.bytes > maxBytes)) {
      this.evicted++;
      this.#remove(this.#order.oldest!);
    }
    return key;
  }

  get(key: Key): Uint8Array {
    const entry = this.#entries.get(key.toString());
    if (entry === undefined) throw new NotFoundError();
    if (entry.inList) this.#order.touch(entry);
    return entry.value;
  }

  has(key: Key): boolean {
    return this.#entries.has(key.toString());
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key.toString());
    if (entry !== undefined) this.#remove(entry);
  }

  protected entries(prefix: string): Pair[] {
    const found = [...this.#entries.values()].filter(({ text }) => text.startsWith(prefix));
    return found.map(({ key, value }) => ({ key, value }));
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.text);
    this.#order.delete(entry);
    this.bytes -= entry.value.length;
  }
}
