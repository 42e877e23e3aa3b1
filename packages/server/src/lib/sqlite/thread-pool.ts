import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable, Worker } from 'node:worker_threads';
import { errorFrom, type FromHosted, type HostRequest, type ToHosted } from './hosted.ts';

export interface HostOptions {
  /** URL of a module that exports `create`: see `CreateHosted`. */
  readonly module: string;
  readonly init: unknown;
  readonly onMessage: (message: unknown) => void;
  /** It is gone, by itself (its error) or with its thread. Not called after `close`. Nothing comes from it after this. */
  readonly onEnd: (error: Error) => void;
  /** Threads that others of the same thing are on; another is taken if there may be one. */
  readonly avoid?: readonly number[];
}

/** A hosted thing, from outside. */
export interface HostedHandle {
  /** Number of its thread, for `avoid`. */
  readonly thread: number;
  /** Ignored once it is gone. */
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /** Lets it finish what was posted, and closes it. Idempotent; never fails. */
  close(): Promise<void>;
}

const THREAD_ENTRY = new URL('thread-entry.ts', import.meta.url);

/**
 * A bounded number of threads, each of which hosts any number of things that speak by messages and may block: stores, one
 * writer or reader each. Threads start when they are first needed and stay until `close`; when one dies, everything on it
 * ends, and whoever hosts it again gets another.
 */
export class ThreadPool {
  readonly #maxThreads: number;
  readonly #threads = new Set<Thread>();
  #nextNumber = 0;
  #closed = false;

  /** @param maxThreads at least 1 */
  constructor(maxThreads: number) {
    this.#maxThreads = maxThreads;
  }

  /**
   * Puts a thing on the thread that hosts the fewest.
   * @returns when it is up
   * @throws what its `create` threw
   */
  host(options: HostOptions): Promise<HostedHandle> {
    if (this.#closed) throw new Error('the thread pool is closed');
    return this.#choose(options.avoid ?? []).host(options);
  }

  /** Numbers of the threads that run. */
  get threads(): number[] {
    return [...this.#threads].map((thread) => thread.number);
  }

  /** Ends a thread at once, with everything on it. */
  async terminate(number: number): Promise<void> {
    await [...this.#threads].find((thread) => thread.number === number)?.terminate();
  }

  /** Ends all threads. Close what they host first. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  #choose(avoid: readonly number[]): Thread {
    const all = [...this.#threads].sort((one, other) => one.load - other.load);
    const others = all.filter((thread) => !avoid.includes(thread.number));
    const best = others[0] ?? null;
    if (best !== null && best.load === 0) return best;
    if (this.#threads.size < this.#maxThreads) return this.#start();
    return best ?? all[0]!;
  }

  #start(): Thread {
    const thread = new Thread(this.#nextNumber++, () => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}

class Thread {
  readonly number: number;
  readonly #worker: Worker;
  readonly #tenants = new Set<Tenant>();
  #error: Error | null = null;

  constructor(number: number, onExit: () => void) {
    this.number = number;
    this.#worker = new Worker(THREAD_ENTRY, { name: `store ${number}` });
    this.#worker.on('error', (error) => {
      this.#error = error as Error;
    });
    this.#worker.on('exit', (code) => {
      onExit();
      const error = this.#error ?? new Error(`thread ${number} ended with code ${code}`);
      for (const tenant of [...this.#tenants]) tenant.threadEnded(error);
    });
  }

  /** How many it hosts. */
  get load(): number {
    return this.#tenants.size;
  }

  host(options: HostOptions): Promise<HostedHandle> {
    const { port1, port2 } = new MessageChannel();
    const tenant: Tenant = new Tenant(this.number, port1, options, () => this.#tenants.delete(tenant));
    this.#tenants.add(tenant);
    const request: HostRequest = { module: options.module, init: options.init, port: port2 };
    this.#worker.postMessage(request, [port2]);
    return tenant.up;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

class Tenant implements HostedHandle {
  readonly thread: number;
  readonly up: Promise<HostedHandle>;
  readonly #port: MessagePort;
  readonly #options: HostOptions;
  readonly #onGone: () => void;
  readonly #closed = Promise.withResolvers<void>();
  #started: PromiseWithResolvers<HostedHandle> | null = Promise.withResolvers<HostedHandle>();
  #closing = false;
  #gone = false;

  constructor(thread: number, port: MessagePort, options: HostOptions, onGone: () => void) {
    this.thread = thread;
    this.#port = port;
    this.#options = options;
    this.#onGone = onGone;
    this.up = this.#started!.promise;
    port.on('message', (message: FromHosted) => this.#take(message));
  }

  post(message: unknown, transfer: readonly Transferable[] = []): void {
    this.#port.postMessage({ message } satisfies ToHosted, transfer as Transferable[]);
  }

  close(): Promise<void> {
    if (!this.#closing) this.#port.postMessage('close' satisfies ToHosted);
    this.#closing = true;
    return this.#closed.promise;
  }

  threadEnded(error: Error): void {
    // What it said before it died may still be on the way, such as the answer to a commit.
    for (let left = receiveMessageOnPort(this.#port); left !== undefined; left = receiveMessageOnPort(this.#port)) {
      this.#take(left.message as FromHosted);
    }
    this.#end(error);
  }

  #take(message: FromHosted): void {
    if (this.#gone) return;
    switch (message.kind) {
      case 'message':
        this.#options.onMessage(message.message);
        break;
      case 'up':
        this.#started?.resolve(this);
        this.#started = null;
        break;
      case 'closed':
        this.#end(new Error('closed'));
        break;
      case 'failed':
        this.#end(errorFrom(message.error));
    }
  }

  #end(error: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#port.close();
    this.#onGone();
    this.#closed.resolve();
    if (this.#started !== null) this.#started.reject(error);
    else if (!this.#closing) this.#options.onEnd(error);
    this.#started = null;
  }
}
