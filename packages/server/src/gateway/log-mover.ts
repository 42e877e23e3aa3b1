import type { Logger } from '../lib/log.ts';
import type { LogMoved, MoveLogInit } from '../lib/sqlite/move-log.ts';
import type { HostedHandle, ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { LOG_PAGES_TO_MOVE } from '../store/sqlite/writer.ts';

const MODULE = new URL('../lib/sqlite/move-log.ts', import.meta.url).href;

export interface LogMoverOptions {
  readonly pool: ThreadPool;
  /** Its writer has it open. */
  readonly file: string;
  /** Name of the store. */
  readonly store: string;
  readonly log: Logger;
}

/**
 * Has the log of a store moved into its file in a thread that is neither the writer's nor a reader's. That thread is there from
 * the first time that there is enough to move. What it does not do, the writer does in the end: so all goes on if it dies.
 */
export class LogMover {
  readonly #options: LogMoverOptions;
  readonly #init: MoveLogInit;
  #handle: Promise<HostedHandle | null> | null = null;
  #isMoving = false;
  /** Whether it was asked for while it was at it. */
  #isDue = false;
  #isClosed = false;
  /** The last thing that kept it from moving anything. */
  #failure: string | null = null;

  constructor(options: LogMoverOptions) {
    this.#options = options;
    this.#init = { file: options.file, leastPages: LOG_PAGES_TO_MOVE };
  }

  /** Begins, now or when it has done what it is at. */
  async move(): Promise<void> {
    if (this.#isClosed) return;
    this.#isDue = this.#isMoving;
    if (this.#isMoving) return;
    this.#isMoving = true;
    this.#handle ??= this.#host();
    const handle = await this.#handle;
    if (handle === null) this.#gone();
    else handle.post(null);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const handle = await this.#handle;
    await handle?.close();
  }

  async #host(): Promise<HostedHandle | null> {
    try {
      return await this.#options.pool.host({
        module: MODULE,
        init: this.#init,
        onMessage: (message) => this.#moved(message as LogMoved),
        onEnd: (error) => {
          this.#note(error.message);
          this.#gone();
        },
      });
    } catch (error) {
      this.#note((error as Error).message);
      return null;
    }
  }

  #moved({ failure }: LogMoved): void {
    this.#isMoving = false;
    this.#note(failure);
    if (this.#isDue) void this.move();
  }

  /** Another is made when there is something to move again. */
  #gone(): void {
    this.#handle = null;
    this.#isMoving = false;
  }

  #note(failure: string | null): void {
    if (failure !== null && failure !== this.#failure) {
      const { log, store } = this.#options;
      log.warn(
        { store, reason: failure, event: 'store_log_not_moved' },
        'the log of a store was not moved into its file',
      );
    }
    this.#failure = failure;
  }
}
