/** Of a node or a key: the leading 32 bits of its hash. Enough to tell thousands of nodes apart. */
export type Place = number;

export const distance = (a: Place, b: Place): number => (a ^ b) >>> 0;
/** Leading bits that two places have in common. */
export const commonBits = (a: Place, b: Place): number => Math.clz32(a ^ b);

export interface Contact {
  readonly peerId: string;
  readonly place: Place;
}

/** Those of a full bucket who are asked whether they are still there before somebody new is turned away. */
const ASKED = 3;

/** The nodes that one node of the directory knows, by the leading bits of their places (Kademlia §2.4). */
export class RoutingTable {
  size = 0;
  readonly #k: number;
  readonly #shift: number;
  /** Oldest first. */
  readonly #buckets: Contact[][];

  constructor(k: number, bucketBits: number) {
    this.#k = k;
    this.#shift = 32 - bucketBits;
    this.#buckets = Array.from({ length: 1 << bucketBits }, () => []);
  }

  /** @param isThere of an old contact, when there is no more room */
  add(contact: Contact, isThere: (old: Contact) => boolean): void {
    const bucket = this.#buckets[contact.place >>> this.#shift]!;
    if (bucket.some(({ peerId }) => peerId === contact.peerId)) return;
    if (bucket.length >= this.#k) {
      const gone = bucket.slice(0, ASKED).findIndex((old) => !isThere(old));
      if (gone === -1) return;
      bucket.splice(gone, 1);
      this.size--;
    }
    bucket.push(contact);
    this.size++;
  }

  remove({ peerId, place }: Contact): void {
    const bucket = this.#buckets[place >>> this.#shift]!;
    const at = bucket.findIndex((each) => each.peerId === peerId);
    if (at === -1) return;
    bucket.splice(at, 1);
    this.size--;
  }

  /** The nearest that are known, nearest first. */
  closest(to: Place, count: number, except: string): Contact[] {
    const out: Contact[] = [];
    const first = to >>> this.#shift;
    for (let i = 0; i < this.#buckets.length && out.length < count; i++) {
      // All of a bucket are nearer than any of the next in this order.
      const bucket = this.#buckets[first ^ i]!.filter(({ peerId }) => peerId !== except);
      bucket.sort((a, b) => distance(a.place, to) - distance(b.place, to));
      out.push(...bucket);
    }
    if (out.length > count) out.length = count;
    return out;
  }

  /** Most leading bits that anybody here has in common with a place. */
  mostCommonBits(place: Place): number {
    let most = 0;
    for (const bucket of this.#buckets) {
      for (const contact of bucket)
        if (contact.place !== place) most = Math.max(most, commonBits(contact.place, place));
    }
    return most;
  }
}
