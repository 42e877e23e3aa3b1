import type { Clock, Timer } from '../lib/clock.ts';
import type { Lookups, MeshKey } from './ports.ts';

/** How long it is waited before those who could not be looked for are looked for again. */
const RETRY_MS = 5000;
/** Of them, each time. */
const MAX_RETRIES = 100;

/**
 * Looks for the other side of each key of this node, once it stands in the directory: subscribers of what is published here, publishers of what is
 * wanted here. That has to succeed once, or the two may miss each other; so it is tried until it does. There are at most as many as keys are
 * advertised.
 */
export class Meetings {
  readonly #lookups: Pick<Lookups, 'renew'>;
  readonly #isAdvertised: (key: MeshKey) => boolean;
  readonly #clock: Pick<Clock, 'setTimeout'>;
  /** Looked for, and not yet with success; those that have failed. By their texts, in order. */
  readonly #owed = new Map<string, MeshKey>();
  readonly #failed = new Map<string, MeshKey>();
  #timer: Timer | null = null;

  /** @param isAdvertised whether a key of this node is still in the directory */
  constructor(
    lookups: Pick<Lookups, 'renew'>,
    isAdvertised: (key: MeshKey) => boolean,
    clock: Pick<Clock, 'setTimeout'>,
  ) {
    this.#lookups = lookups;
    this.#isAdvertised = isAdvertised;
    this.#clock = clock;
  }

  /** A key of this node stands in the directory. */
  arrange(own: MeshKey): void {
    const key = oppositeOf(own);
    this.#owed.set(textOf(key), key);
    this.#lookups.renew(key);
  }

  /** A query has ended. */
  onEnd(key: MeshKey, failed: boolean): void {
    const text = textOf(key);
    if (!failed) {
      this.#owed.delete(text);
      this.#failed.delete(text);
    } else if (this.#owed.has(text)) {
      this.#failed.set(text, key);
      this.#timer ??= this.#clock.setTimeout(() => this.#retry(), RETRY_MS);
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#owed.clear();
    this.#failed.clear();
  }

  #retry(): void {
    this.#timer = null;
    let left = MAX_RETRIES;
    for (const [text, key] of this.#failed) {
      if (left-- === 0) break;
      this.#failed.delete(text);
      if (this.#isAdvertised(oppositeOf(key))) this.#lookups.renew(key);
      else this.#owed.delete(text);
    }
    if (this.#failed.size > 0) this.#timer = this.#clock.setTimeout(() => this.#retry(), RETRY_MS);
  }
}

/** Whoever is looked for because of a key. */
export function oppositeOf({ kind, realm, path }: MeshKey): MeshKey {
  return { kind: kind === 'subscriber' ? 'publisher' : 'subscriber', realm, path };
}

const textOf = ({ kind, realm, path }: MeshKey): string => `${kind}\0${realm}\0${path}`;
