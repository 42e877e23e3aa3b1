import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transport } from '../plan.ts';
import { makeCertificate } from './certificate.ts';
import type { Peer, RunningPeer } from './peer.ts';
import { command, membership, type NodeFile, type PlexusProcess, startPlexus } from './plexus-node.ts';
import { together, until } from './processes.ts';

const root = join(import.meta.dirname, '../../..');

function portOf({ mqttPort, mqttsPort, httpPort }: NodeFile, transport: Transport): number {
  const port = { tcp: mqttPort, tls: mqttsPort, websocket: httpPort }[transport];
  if (port === null) throw new Error(`no ${transport} port in node.json`);
  return port;
}

async function tlsFlags(directory: string): Promise<string[]> {
  const { certFile, keyFile } = await makeCertificate(directory);
  return ['--mqtts-port', '0', '--tls-cert', certFile, '--tls-key', keyFile];
}

function running({ node, stop }: PlexusProcess, transport: Transport): RunningPeer {
  const port = portOf(node, transport);
  return { port, subscribePort: port, pids: [node.pid], stop };
}

export const plexus: Peer = {
  name: 'plexus',
  protocol: 'mqtt',
  transports: ['tcp', 'tls', 'websocket'],
  mqtt5: true,
  groups: true,
  isBroker: true,
  async version() {
    try {
      await access(command);
      return (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version;
    } catch {
      return null;
    }
  },
  async start(directory, { transport, nodes }) {
    const flags = transport === 'tls' ? await tlsFlags(directory) : [];
    if (nodes === 1) return running(await startPlexus({ dataDir: join(directory, 'data'), flags }), transport);
    flags.push(...(await membership(directory)));
    const started: PlexusProcess[] = [];
    try {
      while (started.length < nodes) {
        const seeds = started.slice(0, 1).flatMap(({ node }) => ['--join', `127.0.0.1:${node.peerPort}`]);
        const dataDir = join(directory, `data-${started.length}`);
        started.push(await startPlexus({ dataDir, flags: [...flags, ...seeds] }));
      }
      for (const { node } of started) await until('a member', () => isLinked(node, nodes));
    } catch (error) {
      for (const { stop } of started) await stop();
      throw error;
    }
    return together(started.map((process) => running(process, transport)));
  },
};

async function isLinked({ httpPort }: NodeFile, nodes: number): Promise<true | null> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/v1/cluster`);
  const { members } = (await answer.json()) as { members: { state: string }[] };
  return members.filter(({ state }) => state === 'up').length === nodes ? true : null;
}
