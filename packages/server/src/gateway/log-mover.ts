import type { MoveLogInit } from '../lib/sqlite/move-log.ts';
import type { HostedHandle, ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { LOG_PAGES_TO_MOVE } from '../store/sqlite/writer.ts';

const MODULE = new URL('../lib/sqlite/move-log.ts', import.meta.url).href;

/**
 * Has the log of a store moved into its file in a thread that is neither the writer's nor a reader's. That thread is there from
 * the first time that there is enough to move. What it does not do, the writer does in the end: so nobody minds if it dies.
 */
export class LogMover {
  readonly #pool: ThreadPool;
  readonly #init: MoveLogInit;
  #handle: Promise<HostedHandle | null> | null = null;
  #isMoving = false;
  #isClosed = false;

  /** @param file of the store, which its writer has open */
  constructor(pool: ThreadPool, file: string) {
    this.#pool = pool;
    this.#init = { file, leastPages: LOG_PAGES_TO_MOVE };
  }

  /** Begins, unless it is at it. */
  async move(): Promise<void> {
    if (this.#isMoving || this.#isClosed) return;
    this.#isMoving = true;
    this.#handle ??= this.#host();
    const handle = await this.#handle;
    if (handle === null) this.#gone();
    else handle.post(null);
  }

  /** Before the writer closes. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const handle = await this.#handle;
    await handle?.close();
  }

  async #host(): Promise<HostedHandle | null> {
    try {
      return await this.#pool.host({
        module: MODULE,
        init: this.#init,
        onMessage: () => {
          this.#isMoving = false;
        },
        onEnd: () => this.#gone(),
      });
    } catch {
      return null;
    }
  }

  /** Another is made when there is something to move again. */
  #gone(): void {
    this.#handle = null;
    this.#isMoving = false;
  }
}
