/**
 * Counts the filters below a prefix by their first level after it, so that whoever publishes there knows at once
 * whether anybody could want a topic.
 */
export class LevelInterest {
  readonly #prefix: string;
  /** By level; `+` and `#` stand for any. */
  readonly #counts = new Map<string, number>();
  readonly #watchers = new Set<() => void>();

  /** @param prefix whole levels without wildcards, and a slash: no filter that begins with a wildcard reaches it */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  add(filter: string): void {
    this.#change(filter, 1);
  }

  remove(filter: string): void {
    this.#change(filter, -1);
  }

  /** Whether a filter may match topics that have `level` after the prefix. */
  wants(level: string): boolean {
    const counts = this.#counts;
    return counts.size > 0 && (counts.has(level) || counts.has('#') || counts.has('+'));
  }

  /** Is told when the first filter of a level has come, or the last has gone. @returns how to stop */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  #change(filter: string, by: 1 | -1): void {
    if (!filter.startsWith(this.#prefix)) return;
    const end = filter.indexOf('/', this.#prefix.length);
    const level = filter.slice(this.#prefix.length, end === -1 ? undefined : end);
    const before = this.#counts.get(level) ?? 0;
    const count = before + by;
    if (count === 0) this.#counts.delete(level);
    else this.#counts.set(level, count);
    if (count === 0 || before === 0) for (const changed of this.#watchers) changed();
  }
}
