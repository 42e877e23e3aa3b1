import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transport } from '../plan.ts';
import { makeCertificate } from './certificate.ts';
import type { Peer } from './peer.ts';
import { launch, stopProcess, untilReady } from './processes.ts';

const root = join(import.meta.dirname, '../../..');
const command = join(root, 'plexus');

interface NodeFile {
  readonly pid: number;
  readonly mqttPort: number;
  /** Null without TLS. */
  readonly mqttsPort: number | null;
  /** MQTT over WebSocket is at /mqtt of it. */
  readonly httpPort: number;
}

function portOf({ mqttPort, mqttsPort, httpPort }: NodeFile, transport: Transport): number {
  const port = { tcp: mqttPort, tls: mqttsPort, websocket: httpPort }[transport];
  if (port === null) throw new Error(`no ${transport} port in node.json`);
  return port;
}

async function tlsFlags(directory: string): Promise<string[]> {
  const { certFile, keyFile } = await makeCertificate(directory);
  return ['--mqtts-port', '0', '--tls-cert', certFile, '--tls-key', keyFile];
}

async function readNodeFile(dataDir: string): Promise<NodeFile | null> {
  try {
    return JSON.parse(await readFile(join(dataDir, 'node.json'), 'utf8')) as NodeFile;
  } catch {
    return null;
  }
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
  async start(directory, { transport }) {
    const dataDir = join(directory, 'data');
    const ports = ['--mqtt-port', '0', '--http-port', '0'];
    if (transport === 'tls') ports.push(...(await tlsFlags(directory)));
    const args = ['start', ...ports, '--data-dir', dataDir, '--log-level', 'warn'];
    const child = launch(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    const node = await untilReady('plexus', child, () => readNodeFile(dataDir));
    return { port: portOf(node, transport), pid: node.pid, stop: () => stopProcess(child) };
  },
};
