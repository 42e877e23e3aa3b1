import type { Clock } from './clock.ts';

/** A part of a node that runs. Every method may be absent, is called at most once, and may take its time. */
export interface LifecyclePart {
  /** If it throws, it has released what it took. */
  start?(): void | Promise<void>;
  /** Finish what is under way and take nothing new. `deadline` is aborted when there is no more time. */
  drain?(deadline: AbortSignal): void | Promise<void>;
  /** Release everything, at once. Called also for a part whose `start` succeeded and that was never drained. */
  stop?(): void | Promise<void>;
}

/**
 * Starts parts in the order they were added; drains and stops in reverse. `start`, `drain` and `stop` are idempotent: the
 * second call gets the promise of the first. A failing start stops what had started; a failing stop does not keep the
 * others from stopping.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #parts: { name: string; part: LifecyclePart }[] = [];
  readonly #onError: (part: string, error: unknown) => void;
  #started = 0;
  #starting: Promise<void> | null = null;
  #draining: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  /** @param onError hears of errors in drain and stop, which end nothing. */
  constructor(clock: Pick<Clock, 'setTimeout'>, onError: (part: string, error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Before `start` only. */
  add(name: string, part: LifecyclePart): void {
    if (this.#starting !== null) throw new Error(`too late to add ${name}`);
    this.#parts.push({ name, part });
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Drains every part, then stops. Parts still draining after `timeoutMs` are stopped as they are. */
  drain(timeoutMs: number): Promise<void> {
    this.#draining ??= this.#drain(timeoutMs);
    return this.#draining;
  }

  stop(): Promise<void> {
    this.#stopping ??= (this.#starting ?? Promise.resolve()).then(
      () => this.#stop(),
      () => this.#stop(),
    );
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    for (const { part } of this.#parts) {
      // Stopped, or asked to, while an earlier part was starting.
      if (this.#stopping !== null) return;
      try {
        await part.start?.();
      } catch (error) {
        // A stop that someone else has asked for waits for us: not the other way round.
        if (this.#stopping === null) {
          this.#stopping = this.#stop();
          await this.#stopping;
        }
        throw error;
      }
      this.#started++;
    }
  }

  async #drain(timeoutMs: number): Promise<void> {
    if (this.#stopping === null) {
      const deadline = new AbortController();
      const timer = this.#clock.setTimeout(() => deadline.abort(new Error('drain deadline')), timeoutMs);
      const over = new Promise<void>((resolve) =>
        deadline.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      for (let i = this.#started - 1; i >= 0 && this.#stopping === null && !deadline.signal.aborted; i--) {
        await Promise.race([this.#guard(i, (part) => part.drain?.(deadline.signal)), over]);
      }
      timer.cancel();
    }
    await this.stop();
  }

  async #stop(): Promise<void> {
    for (let i = this.#started - 1; i >= 0; i--) await this.#guard(i, (part) => part.stop?.());
    this.#started = 0;
  }

  async #guard(index: number, step: (part: LifecyclePart) => void | Promise<void>): Promise<void> {
    const { name, part } = this.#parts[index]!;
    try {
      await step(part);
    } catch (error) {
      this.#onError(name, error);
    }
  }
}
