import { UUID_BYTES } from '../../lib/uuid.ts';

const WORDS = UUID_BYTES / 4;
const FIRST_SLOTS = 8192;
/** Room for a tail that is as long as it should be; a table that one large commit has made larger is not kept. */
const MOST_KEPT_SLOTS = 65_536;

/**
 * Where events are, by their ids: a hash table in two arrays, with open addressing. It holds the tail, so it is filled,
 * asked and emptied at every turn: a `Map` of texts takes several times as long.
 */
export class IdTable {
  #slots = 0;
  /** The four words of the id in each slot. */
  #ids = new Uint32Array(0);
  /** Position in each slot, and the round in which it was put there: those of other rounds are empty. */
  #positions = new Float64Array(0);
  #rounds = new Uint32Array(0);
  #round = 1;
  #size = 0;

  constructor() {
    this.#allocate(FIRST_SLOTS);
  }

  /** @returns position of the event whose id is at `at`; -1: it is not here */
  get(buffer: Buffer, at: number): number {
    const slot = this.#find(
      wordAt(buffer, at),
      wordAt(buffer, at + 4),
      wordAt(buffer, at + 8),
      wordAt(buffer, at + 12),
    );
    return this.#rounds[slot] === this.#round ? this.#positions[slot]! : -1;
  }

  /** @param position of the event whose id, which is not here, is at `at` */
  add(buffer: Buffer, at: number, position: number): void {
    if (this.#size * 2 >= this.#slots) this.#grow();
    this.#put(wordAt(buffer, at), wordAt(buffer, at + 4), wordAt(buffer, at + 8), wordAt(buffer, at + 12), position);
  }

  clear(): void {
    this.#size = 0;
    this.#round++;
    // Nor may rounds come round.
    if (this.#slots > MOST_KEPT_SLOTS || this.#round === 0xffffffff) this.#allocate(FIRST_SLOTS);
  }

  /** @returns the slot that has this id, or the empty one where it belongs */
  #find(a: number, b: number, c: number, d: number): number {
    const ids = this.#ids;
    const mask = this.#slots - 1;
    let slot = hash(a, b, c, d) & mask;
    while (this.#rounds[slot] === this.#round) {
      const i = slot * WORDS;
      if (ids[i + 3] === d && ids[i + 2] === c && ids[i + 1] === b && ids[i] === a) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(a: number, b: number, c: number, d: number, position: number): void {
    const slot = this.#find(a, b, c, d);
    const i = slot * WORDS;
    this.#ids[i] = a;
    this.#ids[i + 1] = b;
    this.#ids[i + 2] = c;
    this.#ids[i + 3] = d;
    this.#positions[slot] = position;
    this.#rounds[slot] = this.#round;
    this.#size++;
  }

  #allocate(slots: number): void {
    this.#slots = slots;
    this.#ids = new Uint32Array(slots * WORDS);
    this.#positions = new Float64Array(slots);
    this.#rounds = new Uint32Array(slots);
    this.#round = 1;
  }

  #grow(): void {
    const ids = this.#ids;
    const positions = this.#positions;
    const rounds = this.#rounds;
    const round = this.#round;
    this.#allocate(this.#slots * 2);
    this.#size = 0;
    for (let slot = 0; slot < rounds.length; slot++) {
      if (rounds[slot] !== round) continue;
      const i = slot * WORDS;
      this.#put(ids[i]!, ids[i + 1]!, ids[i + 2]!, ids[i + 3]!, positions[slot]!);
    }
  }
}

function wordAt(buffer: Buffer, at: number): number {
  return (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>> 0;
}

/** All words count: callers choose the ids, and some make them from a counter. */
function hash(a: number, b: number, c: number, d: number): number {
  let mixed = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed ^ c, 0xc2b2ae35);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed ^ d, 0x27d4eb2f);
  return mixed ^ (mixed >>> 16);
}
