/**
 * A number that two copies of a table share if they hold the same: the sum of the hashes of all entries, so that order is of no
 * matter and a change costs one hash. It finds mistakes, not attacks.
 */
export class TableDigest {
  count = 0;
  /** The two halves are summed apart, each modulo 2^32. */
  high = 0;
  low = 0;

  add(key: string, value: string): void {
    this.count++;
    this.#sum(key, value, 1);
  }

  /** What was added with the same value. */
  remove(key: string, value: string): void {
    this.count--;
    this.#sum(key, value, -1);
  }

  clear(): void {
    this.count = 0;
    this.high = 0;
    this.low = 0;
  }

  equals(count: number, high: number, low: number): boolean {
    return this.count === count && this.high === high && this.low === low;
  }

  /** cyrb53 of bryc with all of its 64 bits, over the UTF-16 code units of the key, a unit 0, those of the value, and the key's length. */
  #sum(key: string, value: string, sign: 1 | -1): void {
    let a = 0xdeadbeef;
    let b = 0x41c6ce57;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      b = Math.imul(b ^ unit, 0x5f356495);
    }
    a = Math.imul(a, 0x9e3779b1);
    b = Math.imul(b, 0x5f356495);
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      b = Math.imul(b ^ unit, 0x5f356495);
    }
    // Keys hold units 0 of their own: without it, `a\0b` + `` would be `a` + `b`.
    a = Math.imul(a ^ key.length, 0x9e3779b1);
    b = Math.imul(b ^ key.length, 0x5f356495);
    a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
    b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
    this.low = (this.low + sign * (a >>> 0)) >>> 0;
    this.high = (this.high + sign * (b >>> 0)) >>> 0;
  }
}
