import { useEffect, useReducer } from 'preact/hooks';

/** Something that a component shows and that changes by itself. */
export interface Live {
  /** @returns what ends the listening */
  listen(listener: () => void): () => void;
}

/**
 * Tells its listeners that something has changed: once per animation frame, however often it changed, and not again
 * before `minIntervalMs` (0: every frame). A page in the background is told when it is seen again.
 */
export class Changes implements Live {
  readonly #minIntervalMs: number;
  readonly #listeners = new Set<() => void>();
  #scheduled = false;
  #lastMs = 0;

  constructor(minIntervalMs = 0) {
    this.#minIntervalMs = minIntervalMs;
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(this.#onFrame);
  }

  readonly #onFrame = (nowMs: number): void => {
    if (nowMs - this.#lastMs < this.#minIntervalMs) {
      requestAnimationFrame(this.#onFrame);
      return;
    }
    this.#lastMs = nowMs;
    this.#scheduled = false;
    for (const listener of this.#listeners) listener();
  };
}

/** Draws the component again when `source` says so. */
export function useLive(source: Live): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => source.listen(() => redraw(null as never)), [source]);
}
