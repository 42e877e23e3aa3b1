import type { Clock, Timer } from './clock.ts';

interface Pending {
  at: number;
  order: number;
  everyMs: number | null;
  fn: () => void;
}

/** A clock for tests: time passes only in `advance`. Starts at 0, and at the wall clock time 2026-01-01T00:00:00Z. */
export class FakeClock implements Clock {
  readonly #wallStartMs = Date.UTC(2026, 0, 1);
  readonly #pending = new Set<Pending>();
  #immediates: (() => void)[] = [];
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    return this.#set(fn, ms, null);
  }

  setInterval(fn: () => void, ms: number): Timer {
    return this.#set(fn, ms, ms);
  }

  setImmediate(fn: () => void): void {
    this.#immediates.push(fn);
  }

  /** Timers that are set: a test of a clean stop wants 0. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Fires what falls due within `ms` milliseconds, in order of time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    this.#runImmediates();
    for (let next = this.#next(end); next !== null; next = this.#next(end)) {
      this.#now = next.at;
      if (next.everyMs === null) this.#pending.delete(next);
      else next.at += Math.max(next.everyMs, 1);
      next.fn();
      this.#runImmediates();
    }
    this.#now = end;
  }

  #set(fn: () => void, ms: number, everyMs: number | null): Timer {
    const entry: Pending = { at: this.#now + Math.max(ms, 0), order: this.#order++, everyMs, fn };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  #next(end: number): Pending | null {
    let first: Pending | null = null;
    for (const entry of this.#pending) {
      if (entry.at > end) continue;
      if (first === null || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) first = entry;
    }
    return first;
  }

  #runImmediates(): void {
    const due = this.#immediates;
    this.#immediates = [];
    for (const fn of due) fn();
  }
}
