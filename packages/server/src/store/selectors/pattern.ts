const ANY = '*';

/**
 * A stream name in which `*` stands for any characters, none too. There is no way to mean a `*` itself.
 * Linear in the length of the name, whatever the pattern: each part is looked for once, from left to right.
 */
export class Pattern {
  /** What every name that matches begins with; the whole pattern if it has no `*`. */
  readonly prefix: string;
  /** Whether only the name that is the pattern matches. */
  readonly isExact: boolean;
  /** Whether every name that begins with `prefix` matches. */
  readonly isPrefix: boolean;
  readonly #suffix: string;
  readonly #middle: readonly string[];

  constructor(pattern: string) {
    const parts = pattern.split(ANY);
    this.prefix = parts[0]!;
    this.isExact = parts.length === 1;
    this.#suffix = parts.at(-1)!;
    this.#middle = parts.slice(1, -1).filter((part) => part !== '');
    this.isPrefix = !this.isExact && this.#suffix === '' && this.#middle.length === 0;
  }

  matches(name: string): boolean {
    if (this.isExact) return name === this.prefix;
    if (!name.startsWith(this.prefix)) return false;
    if (this.isPrefix) return true;
    const end = name.length - this.#suffix.length;
    let at = this.prefix.length;
    if (end < at || !name.endsWith(this.#suffix)) return false;
    for (const part of this.#middle) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= end;
  }
}
