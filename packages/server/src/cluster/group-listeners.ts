import { Fifo } from '../lib/fifo.ts';
import type { GroupChange } from './ports.ts';

class Listener {
  readonly hear: (change: GroupChange) => void;
  /** Changes up to this number came before it. */
  readonly after: number;

  constructor(hear: (change: GroupChange) => void, after: number) {
    this.hear = hear;
    this.after = after;
  }
}

interface Told {
  readonly number: number;
  readonly group: string;
  readonly change: GroupChange;
}

/**
 * Who hears of which group. A change that a listener causes is told after the one it hears of: everybody hears of all of them in the
 * same order.
 */
export class GroupListeners {
  readonly #groups = new Map<string, Set<Listener>>();
  readonly #waiting = new Fifo<Told>();
  #changes = 0;
  #isTelling = false;

  has(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Hears of every change after this call. @returns how to stop */
  add(group: string, hear: (change: GroupChange) => void): () => void {
    let listeners = this.#groups.get(group);
    if (listeners === undefined) {
      listeners = new Set();
      this.#groups.set(group, listeners);
    }
    const listener = new Listener(hear, this.#changes);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#groups.get(group) === listeners) this.#groups.delete(group);
    };
  }

  tell(group: string, change: GroupChange): void {
    this.#waiting.push({ number: ++this.#changes, group, change });
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let told = this.#waiting.shift(); told !== undefined; told = this.#waiting.shift()) this.#tellAll(told);
    this.#isTelling = false;
  }

  #tellAll({ number, group, change }: Told): void {
    for (const listener of this.#groups.get(group) ?? []) if (listener.after < number) listener.hear(change);
  }
}
