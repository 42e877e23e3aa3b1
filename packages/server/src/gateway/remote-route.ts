import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import { backoffMs, RETRY_TOTAL_MS } from './backoff.ts';
import type { Opened, OpenStream, StoreCaller } from './store-caller.ts';
import { workersGroup } from './store-directory.ts';
import type { StoreOperation, StoreRequest } from './store-messages.ts';
import { isTransient } from './transient.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerRole } from './worker-slot.ts';

export interface RemoteRouteOptions {
  readonly realm: string;
  readonly name: string;
  /** UUID of the store that is served now. */
  readonly uuid: () => string;
  readonly registry: WorkerRegistry;
  readonly caller: (nodeId: string, store: string) => Promise<StoreCaller>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What is asked, without the store. */
export interface Asked {
  readonly op: StoreOperation;
  readonly name: string;
  readonly value: unknown;
  readonly bytes: Uint8Array | null;
}

/**
 * The way to a store of other nodes: to those with a live worker of the role that is needed, in turn. When worker, node or link dies
 * in the middle, or nobody has the store for a moment, it is tried again, as often as the store itself would try.
 */
export class RemoteRoute {
  readonly #options: RemoteRouteOptions;
  #next = 0;
  /** By role, of the store with this UUID; forgotten when a worker comes or goes. */
  readonly #serving = new Map<WorkerRole, { readonly uuid: string; readonly nodes: readonly string[] }>();

  constructor(options: RemoteRouteOptions) {
    this.#options = options;
    const { registry, realm, name } = options;
    // For as long as the node runs, as the route itself.
    registry.watch(workersGroup(realm, name), () => this.#serving.clear());
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get store(): string {
    return this.#options.name;
  }

  get realm(): string {
    return this.#options.realm;
  }

  /** UUID of the store that is served now. Whatever goes on for longer stays with the store that it began with. */
  get uuid(): string {
    return this.#options.uuid();
  }

  /** Nodes with live workers of that role. */
  #nodes(role: WorkerRole, uuid: string): readonly string[] {
    const known = this.#serving.get(role);
    if (known?.uuid === uuid) return known.nodes;
    const { registry, realm, name } = this.#options;
    const nodes = new Set<string>();
    for (const { nodeId, metadata } of registry.members(workersGroup(realm, name))) {
      if (metadata.role === role && metadata.store === uuid) nodes.add(nodeId);
    }
    const found = { uuid, nodes: [...nodes] };
    this.#serving.set(role, found);
    return found.nodes;
  }

  /** @throws {PlexusError} what the store answers; store_unavailable, timeout: it was tried until the time was over */
  call(role: WorkerRole, asked: Asked, answerBytes: number, onRetry?: () => void): Promise<unknown> {
    const { uuid } = this;
    const attempt = async () => (await this.#caller(role, uuid)).call(this.#request(asked, uuid), answerBytes);
    return this.repeated(uuid, attempt, onRetry);
  }

  /** Asks one node, once. */
  async callNode(nodeId: string, asked: Asked): Promise<unknown> {
    const { caller, name } = this.#options;
    return (await caller(nodeId, name)).call(this.#request(asked, this.uuid), 0);
  }

  /** Opens what stays open, once: with readers, which are where events are read. */
  async open(uuid: string, asked: Asked, stream: OpenStream): Promise<Opened> {
    return (await this.#caller('reader', uuid)).open(this.#request(asked, uuid), stream);
  }

  /**
   * Calls, and again after errors that time may mend: not if another store of that name is served by then, to which an append that
   * may have been done would be a second one.
   * @param uuid of the store that is meant
   * @param onRetry hears of every error after which it is tried again; the next may find that it was done
   */
  async repeated<T>(uuid: string, attempt: () => Promise<T>, onRetry: () => void = () => {}): Promise<T> {
    const { clock, random } = this.#options;
    const until = clock.now() + RETRY_TOTAL_MS;
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (thrown) {
        const error = this.#known(thrown);
        if (!(error instanceof PlexusError) || !isTransient(error) || uuid !== this.uuid) throw error;
        const waitMs = backoffMs(tries, random);
        if (clock.now() + waitMs > until) throw error;
        onRetry();
        await new Promise<void>((resolve) => clock.setTimeout(resolve, waitMs));
      }
    }
  }

  /** A node that says that it has not got the store any more has only not been heard of as gone. */
  #known(error: unknown): unknown {
    const isGone = error instanceof PlexusError && error.code === 'store_not_found';
    return isGone ? this.unavailable('the node that held it does not any more') : error;
  }

  /** How long to wait before another try. @param tries that failed so far, at least 1 */
  backoffMs(tries: number): number {
    return backoffMs(tries, this.#options.random);
  }

  unavailable(reason: string): PlexusError {
    return new PlexusError('store_unavailable', { store: this.#options.name, reason });
  }

  #caller(role: WorkerRole, uuid: string): Promise<StoreCaller> {
    if (uuid !== this.uuid) throw this.unavailable('another store of this name is served now');
    const nodes = this.#nodes(role, uuid);
    if (nodes.length === 0) throw this.unavailable(`no node has a live ${role} of it`);
    return this.#options.caller(nodes[this.#next++ % nodes.length]!, this.#options.name);
  }

  #request(asked: Asked, uuid: string): StoreRequest {
    const { realm, name } = this.#options;
    return { ...asked, realm, store: name, uuid };
  }
}
