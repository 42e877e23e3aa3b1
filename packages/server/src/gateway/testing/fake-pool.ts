import type { HostedHandle, HostOptions, ThreadPool } from '../../lib/sqlite/thread-pool.ts';

/** Takes a message that is posted to a hosted thing. */
export type Handle = (message: unknown, reply: (message: unknown) => void) => void;

/** In place of a pool of threads: what is hosted lives here, each with a thread number of its own, and ends when it is told to. */
export class FakePool {
  /** If set, nothing is hosted any more, for this reason. */
  refuses: Error | null = null;
  readonly #handle: Handle;
  readonly #hosted = new Map<number, HostOptions>();
  #nextThread = 0;

  constructor(handle: Handle = () => {}) {
    this.#handle = handle;
  }

  /** For those that take a whole pool, though they only host, and close it. */
  get asPool(): ThreadPool {
    return this as Pick<ThreadPool, 'host' | 'close'> as ThreadPool;
  }

  /** Threads of what is hosted. */
  get threads(): number[] {
    return [...this.#hosted.keys()];
  }

  async host(options: HostOptions): Promise<HostedHandle> {
    if (this.refuses !== null) throw this.refuses;
    const thread = this.#nextThread++;
    this.#hosted.set(thread, options);
    return {
      thread,
      post: (message) => {
        const reply = (answer: unknown): void => options.onMessage(answer);
        if (this.#hosted.has(thread)) this.#handle(message, reply);
      },
      close: async () => void this.#hosted.delete(thread),
    };
  }

  async close(): Promise<void> {
    this.#hosted.clear();
  }

  end(thread: number, error: Error): void {
    const options = this.#hosted.get(thread);
    this.#hosted.delete(thread);
    options?.onEnd(error);
  }
}
