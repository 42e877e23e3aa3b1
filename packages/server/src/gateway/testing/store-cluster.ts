import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import type { Store } from '../../store/store.ts';
import { ClusterStores, type LocalStores } from '../cluster-stores.ts';
import { LocalWorkerRegistry } from '../local-worker-registry.ts';
import { STORES_GROUP } from '../store-directory.ts';
import { FakeLinks, NO_GATE } from './fake-links.ts';
import { makeStores } from './open-stores.ts';

export interface TestNode {
  readonly id: string;
  readonly local: LocalStores;
  readonly stores: ClusterStores;
  stop(): Promise<void>;
}

/** Nodes in one process, with stores in files, and links and groups in memory. */
export class StoreCluster {
  readonly links = new FakeLinks();
  /** All nodes see the same, at once. */
  readonly registry = new LocalWorkerRegistry();
  readonly #dir: string;
  readonly #nodes: TestNode[] = [];

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @param stores as in the configuration file */
  async add(id: string, ...stores: unknown[]): Promise<TestNode> {
    const local = makeStores(join(this.#dir, id), stores, { nodeId: id, registry: this.registry });
    await local.start();
    return this.join(id, local, () => local.stop());
  }

  /** A node with stores that somebody else has made, and tells the registry of. */
  join(id: string, local: LocalStores, stopLocal: () => Promise<void>): TestNode {
    const stores = new ClusterStores({
      nodeId: id,
      local,
      registry: this.registry,
      pool: this.links.pool(id),
      gatekeeper: NO_GATE,
      target: (nodeId) => ({ peerId: nodeId, addresses: [] }),
      clock: systemClock,
      random: Math.random,
      log: createLogger({ level: 'silent' }),
    });
    stores.start();
    const node = {
      id,
      local,
      stores,
      stop: async () => {
        await stopLocal();
        // What it had to say to others is sent before its links are closed.
        await turn();
        stores.stop();
        this.links.drop(id);
      },
    };
    this.#nodes.push(node);
    return node;
  }

  /** Its links break, and nobody lists what it had: as when it is killed. What it has in its files stays. */
  async kill({ id, local }: TestNode): Promise<void> {
    this.links.drop(id);
    for (const store of local.list()) {
      for (const group of [STORES_GROUP, `store:${store.realm}/${store.name}`])
        for (const member of this.registry.members(group))
          if (member.nodeId === id) await this.registry.leave(group, member.id);
    }
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes.splice(0).reverse()) await node.stop();
  }
}

/** Appends one event with each of these data to a stream. */
export const appendAll = async (store: Store, stream: string, ...data: unknown[]): Promise<void> => {
  for (const one of data) await store.append({ writes: [{ stream, events: [{ type: 't', data: one }] }] });
};
