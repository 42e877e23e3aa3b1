import { Command } from 'commander';
import { Api, DEFAULT_HTTP_URL } from '../api.ts';
import { type Io, printable, write } from '../io.ts';

interface Node {
  nodeId: string;
  version: string;
  uptimeS: number;
  ready: boolean;
  unmet: string[];
  warnings: { code: string; message: string }[];
  mqttPort: number | null;
  httpPort: number | null;
  peerPort: number | null;
  stats: {
    connections: number;
    sessions: number;
    subscriptions: number;
    retainedMessages: number;
    queuedMessages: number;
  };
}

export const urlHelp = `HTTP address of the node (env PLEXUS_HTTP_URL; default ${DEFAULT_HTTP_URL})`;

export function statusCommand(io: Io): Command {
  return new Command('status')
    .description('how a node is doing')
    .option('--url <url>', urlHelp)
    .option('--json', 'print JSON')
    .action(async (flags: { url?: string; json?: true }) => {
      const node = await new Api(flags.url, io.env).get<Node>('/api/v1/node');
      await write(io.stdout, flags.json ? `${JSON.stringify(node)}\n` : describe(node));
    });
}

function describe(node: Node): string {
  const { stats } = node;
  const rows: [string, string | number][] = [
    ['node', `${node.nodeId} (Plexus ${node.version})`],
    ['state', node.ready ? 'ready' : `not ready: ${node.unmet.join(', ')}`],
    ['up', `${Math.round(node.uptimeS)} s`],
    ['ports', `mqtt ${node.mqttPort ?? 'off'}, http ${node.httpPort ?? 'off'}, peers ${node.peerPort ?? 'off'}`],
    ['clients', stats.connections],
    ['sessions', stats.sessions],
    ['subscriptions', stats.subscriptions],
    ['retained', stats.retainedMessages],
    ['queued', stats.queuedMessages],
  ];
  const warnings = node.warnings.map(({ message }): [string, string] => ['warning', printable(message)]);
  return [...rows, ...warnings].map(([name, value]) => `${name.padEnd(14)}${value}\n`).join('');
}
