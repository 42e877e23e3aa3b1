import type { VirtualTime } from './virtual-time.ts';

/** Lines of the newest events that a failure is shown with. */
const KEPT = 400;

/** 53 bits of hash, from two 32-bit ones (FNV-1a, and the same with another prime). */
class RunningHash {
  #a = 0x811c9dc5;
  #b = 0x2f0b4a37;

  add(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#b = Math.imul(this.#b ^ value, 0x5bd1e995) ^ (this.#b >>> 15);
  }

  text(): string {
    return (this.#a >>> 0).toString(16).padStart(8, '0') + (this.#b >>> 0).toString(16).padStart(8, '0');
  }
}

/** What has happened: a hash of all of it, by which two runs can be compared, and the newest of it as text. */
export class Trace {
  entries = 0;
  readonly #time: VirtualTime;
  readonly #hash = new RunningHash();
  readonly #newest: string[] = [];
  readonly #kept: number;

  constructor(time: VirtualTime, kept = KEPT) {
    this.#time = time;
    this.#kept = kept;
  }

  /** @param bytes what was carried, if anything */
  note(who: string, what: string, bytes: Uint8Array | null = null): void {
    const line = `${this.#time.now.toFixed(3).padStart(12)} ${who}: ${what}`;
    for (let i = 0; i < line.length; i++) this.#hash.add(line.charCodeAt(i));
    if (bytes !== null) for (let i = 0; i < bytes.length; i++) this.#hash.add(bytes[i]!);
    // A ring, so that a long run costs no more than a short one.
    this.#newest[this.entries++ % this.#kept] = line;
  }

  get hash(): string {
    return this.#hash.text();
  }

  /** Oldest first. */
  newest(count = this.#kept): string[] {
    const from = Math.max(0, this.entries - Math.min(count, this.#kept));
    const lines: string[] = [];
    for (let i = from; i < this.entries; i++) lines.push(this.#newest[i % this.#kept]!);
    return lines;
  }
}
