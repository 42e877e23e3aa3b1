import { join } from 'node:path';
import { createLogger, loadConfig, type PlexusNode, type Store, startNode } from '@plexus/server';

export interface OwnNode extends AsyncDisposable {
  readonly node: PlexusNode;
  readonly store: Store;
}

/** A whole node in this process, with its data under `directory`. */
export async function ownNode(directory: string): Promise<OwnNode> {
  const flags = { mqttPort: '0', httpPort: '0', peerPort: '0', dataDir: join(directory, 'data') };
  const config = loadConfig({ flags, env: {}, readFile: () => '' });
  const node = await startNode(config, { log: createLogger({ level: 'warn' }) });
  return { node, store: node.stores.get('default', null), [Symbol.asyncDispose]: () => node.stop() };
}
