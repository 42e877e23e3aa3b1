/** A process with several whole nodes: fifty processes would be more than a small machine can hold. */
import { readFileSync } from 'node:fs';
import { createLogger, loadConfig, type NodeInfo, type PlexusNode, startNode } from '@plexus/server';
import { answerCalls } from './calls.ts';

const nodes = new Map<string, PlexusNode>();
const log = createLogger({ level: 'warn' });

answerCalls({
  /** @param flags by key, as the command line has them */
  start: async (flags: Readonly<Record<string, unknown>>): Promise<NodeInfo> => {
    const config = loadConfig({ flags, env: {}, readFile: (path) => readFileSync(path, 'utf8') });
    const node = await startNode(config, { log });
    nodes.set(node.info.nodeId, node);
    return node.info;
  },
  stop: async () => {
    await Promise.all([...nodes.values()].map((node) => node.stop()));
  },
});
