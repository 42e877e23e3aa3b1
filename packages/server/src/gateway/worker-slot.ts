import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { HostedHandle, ThreadPool } from '../lib/sqlite/thread-pool.ts';
import { RestartLimit } from './restart-limit.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/** A change of the load by less is not worth that every node hears of it. */
const MIN_LOAD_CHANGE = 16;

export type WorkerRole = 'writer' | 'reader';

/** What the workers of one store have in common. */
export interface WorkerContext {
  /** Name of the store. */
  readonly store: string;
  /** In the registry. */
  readonly group: string;
  readonly nodeId: string;
  readonly pool: ThreadPool;
  readonly registry: WorkerRegistry;
  /** What the registry is told of the store; null: nothing yet, and of the worker neither, until `announce`. Absent: there is nothing to tell. */
  readonly facts?: () => Readonly<Record<string, unknown>> | null;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WorkerSlotOptions {
  /** Unique in the store. */
  readonly id: string;
  readonly role: WorkerRole;
  /** URL of what is hosted. */
  readonly module: string;
  readonly init: unknown;
  /** Requests that it has not answered. Default 0. */
  readonly load?: () => number;
  /** Threads to keep away from. */
  readonly avoid: () => readonly number[];
  readonly onMessage: (message: unknown) => void;
  /** It is up, for the first time or again. */
  readonly onUp: (handle: HostedHandle) => void;
  /** It was up, and is not any more. */
  readonly onDown: (error: Error) => void;
  /** It is down, and stays so for now: too many restarts, or a file that cannot be opened. */
  readonly onGivenUp: (problem: string) => void;
}

/**
 * Keeps one gateway worker up: in a thread of the pool, and in the registry as long as it lives. One that dies is started
 * again, 5 times in 60 s; then it stays down, with a problem to show, until those 60 s are over. An error that time does not
 * mend, such as a damaged file, ends it for good.
 */
export class WorkerSlot {
  readonly id: string;
  readonly role: WorkerRole;
  readonly #context: WorkerContext;
  readonly #options: WorkerSlotOptions;
  /** In the registry, where workers of all nodes are. */
  readonly #memberId: string;
  readonly #limit = new RestartLimit();
  #handle: HostedHandle | null = null;
  /** A start that is under way. */
  #starting: Promise<void> = Promise.resolve();
  #problem: string | null = null;
  #timer: Timer | null = null;
  #stopped = false;
  /** null: the registry has not heard of it. */
  #toldLoad: number | null = null;

  constructor(context: WorkerContext, options: WorkerSlotOptions) {
    this.id = options.id;
    this.role = options.role;
    this.#context = context;
    this.#memberId = `${context.nodeId}/${options.id}`;
    this.#options = options;
  }

  /** null: it is down. */
  get handle(): HostedHandle | null {
    return this.#handle;
  }

  get restarts(): number {
    return this.#limit.total;
  }

  /** Why it stays down; null: it is up, or will be at once. */
  get problem(): string | null {
    return this.#problem;
  }

  /** @throws what kept it from starting; it is then not tried again */
  start(): Promise<void> {
    this.#starting = this.#host();
    return this.#starting;
  }

  /** Closes it, after what it has in hand. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#starting.catch(() => {});
    const handle = this.#handle;
    this.#handle = null;
    if (handle === null) return;
    await this.#leave();
    await handle.close();
  }

  async #host(): Promise<void> {
    const { pool } = this.#context;
    const { module, init, avoid, onMessage, onUp } = this.#options;
    // It may end before it is heard that it is up.
    let ended: Error | null = null;
    let isUp = false;
    const handle = await pool.host({
      module,
      init,
      avoid: avoid(),
      onMessage,
      onEnd: (error) => {
        ended = error;
        if (isUp) this.#lost(error);
      },
    });
    if (ended !== null) throw ended;
    if (this.#stopped) {
      await handle.close();
      return;
    }
    isUp = true;
    this.#handle = handle;
    this.#problem = null;
    this.#join(this.#load());
    onUp(handle);
  }

  /** Tells the registry of it anew, unless nothing has changed that is worth it. */
  announce(): void {
    if (this.#handle === null) return;
    const load = this.#load();
    const told = this.#toldLoad;
    const isMuch = told === null || Math.abs(load - told) >= Math.max(MIN_LOAD_CHANGE, told / 2);
    if (isMuch) this.#join(load);
  }

  #load(): number {
    return this.#options.load?.() ?? 0;
  }

  #join(load: number): void {
    const { registry, group, nodeId, facts = () => ({}) } = this.#context;
    const known = facts();
    if (known === null) return;
    this.#toldLoad = load;
    // The listing has it at once where the registry is local; nobody waits for a cluster to hear of it.
    const metadata = { role: this.role, restarts: this.restarts, load, ...known };
    registry.join(group, { id: this.#memberId, nodeId, metadata }).catch((error: unknown) => this.#noteRegistry(error));
  }

  #lost(error: Error): void {
    const { log, store } = this.#context;
    this.#handle = null;
    void this.#leave();
    log.error({ err: error, store, worker: this.id, event: 'store_worker_died' }, 'a worker of a store died');
    this.#options.onDown(error);
    this.#restart(error);
  }

  async #leave(): Promise<void> {
    const { registry, group } = this.#context;
    try {
      await registry.leave(group, this.#memberId);
    } catch (error) {
      this.#noteRegistry(error);
    }
  }

  /** The worker does its work all the same. */
  #noteRegistry(error: unknown): void {
    const { log, store } = this.#context;
    log.error(
      { err: error, store, worker: this.id, event: 'store_registry_failed' },
      'the registry of workers did not take a change',
    );
  }

  #restart(cause: Error): void {
    if (this.#stopped) return;
    if (cause instanceof PlexusError && !cause.retryable) {
      this.#giveUp(cause.message);
      return;
    }
    const { clock } = this.#context;
    const waitMs = this.#limit.waitMs(clock.now());
    if (waitMs > 0) {
      this.#giveUp(`${this.id} died ${this.restarts + 1} times, last of: ${firstLine(cause)}`);
      this.#timer = clock.setTimeout(() => this.#restart(cause), waitMs);
      return;
    }
    this.#limit.note(clock.now());
    this.#starting = this.#host().catch((error: Error) => this.#restart(error));
  }

  #giveUp(problem: string): void {
    this.#problem = problem;
    this.#context.log.error(
      { store: this.#context.store, worker: this.id, problem, event: 'store_worker_down' },
      'a worker of a store stays down',
    );
    this.#options.onGivenUp(problem);
  }
}

const firstLine = (error: Error): string => error.message.split('\n')[0]!;
