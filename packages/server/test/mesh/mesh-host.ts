/** Nodes of a mesh in one process: a program, forked by `HostProcess`, that does what comes over its channel. */
import { readFileSync } from 'node:fs';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/lib/log.ts';
import { type PlexusNode, startNode } from '../../src/node.ts';
import type { HostCommand, HostReply, HostResult, HostSaid } from './host-process.ts';

const nodes = new Map<number, PlexusNode>();
const tell = (message: HostReply | HostSaid): void => void process.send!(message);

async function run(command: HostCommand): Promise<HostResult> {
  switch (command.do) {
    case 'start': {
      const { node, configFile } = command;
      const readFile = (path: string): string => readFileSync(path, 'utf8');
      const config = loadConfig({ flags: { config: configFile }, env: {}, readFile });
      const log = createLogger({ level: 'warn', destination: { write: (line) => tell({ node, line }) } });
      const started = await startNode(config, { log });
      nodes.set(node, started);
      return { info: started.info };
    }
    case 'stop':
      await nodes.get(command.node)?.stop();
      nodes.delete(command.node);
      return {};
    case 'drain':
      await nodes.get(command.node)?.drain();
      nodes.delete(command.node);
      return {};
    case 'memory':
      (globalThis as { gc?: () => void }).gc?.();
      return { heapBytes: process.memoryUsage().heapUsed };
  }
}

process.on('message', async ({ id, command }: { id: number; command: HostCommand }) => {
  try {
    tell({ id, result: await run(command) });
  } catch (error) {
    tell({ id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.once('disconnect', () => process.exit(0));
