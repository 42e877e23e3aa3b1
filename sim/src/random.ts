/** Words of a hash of `text`, well mixed: FNV-1a with four starts, finished as in MurmurHash3. */
function words(text: string): [number, number, number, number] {
  const out: [number, number, number, number] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    for (let w = 0; w < 4; w++) out[w] = Math.imul(out[w]! ^ (code + w * 131), 0x01000193);
  }
  for (let w = 0; w < 4; w++) {
    let h = out[w]!;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    out[w] = (h ^ (h >>> 16)) >>> 0;
  }
  return out;
}

/**
 * Random numbers that depend on nothing but a key: sfc32 (Chris Doty-Humphrey, PractRand). Whoever needs some takes a fork of its own
 * name, so that one more consumer changes nothing for the others.
 */
export class Random {
  readonly key: string;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(key: string) {
    this.key = key;
    [this.#a, this.#b, this.#c, this.#counter] = words(key);
    for (let i = 0; i < 12; i++) this.word();
  }

  /** Independent of what was drawn so far. */
  fork(name: string): Random {
    return new Random(`${this.key}/${name}`);
  }

  /** 32 bits. */
  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** In [0, 1). Bound, so that it can be handed over as `random`. */
  readonly fraction = (): number => (this.word() * 0x200000 + (this.word() >>> 11)) / 2 ** 53;

  /** In [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.fraction();
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Exponentially distributed. */
  around(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from');
    return items[this.below(items.length)]!;
  }

  /** `count` of them, or all if there are fewer; in random order. */
  some<T>(items: readonly T[], count: number): T[] {
    const left = [...items];
    const out: T[] = [];
    while (out.length < count && left.length > 0) out.push(...left.splice(this.below(left.length), 1));
    return out;
  }

  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i++) out[i] = this.word() & 0xff;
    return out;
  }
}
