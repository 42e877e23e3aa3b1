import { parseStores, type StoreConfig } from '../../config/stores.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import { LocalWorkerRegistry } from '../local-worker-registry.ts';
import { NodeStores, type NodeStoresOptions } from '../stores.ts';

/** Stores as a node has them, not started. @param stores as in the configuration file */
export function makeStores(dataDir: string, stores: unknown[], more: Partial<NodeStoresOptions> = {}): NodeStores {
  return new NodeStores({
    stores: parseStores(stores) as readonly StoreConfig[],
    dataDir,
    nodeId: 'node',
    threads: 4,
    queueBytes: 64 * 1024 * 1024,
    registry: new LocalWorkerRegistry(),
    clock: systemClock,
    random: Math.random,
    log: createLogger({ level: 'silent' }),
    ...more,
  });
}
