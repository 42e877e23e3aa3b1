import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Peer } from './peer.ts';
import { launch, stopProcess, untilReady } from './processes.ts';

const root = join(import.meta.dirname, '../../..');
const command = join(root, 'plexus');

interface NodeFile {
  readonly pid: number;
  readonly mqttPort: number;
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
  mqtt5: true,
  isBroker: true,
  async version() {
    try {
      await access(command);
      return (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version;
    } catch {
      return null;
    }
  },
  async start(directory) {
    const ports = ['--mqtt-port', '0', '--http-port', '0'];
    const args = ['start', ...ports, '--data-dir', directory, '--log-level', 'warn'];
    const child = launch(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    const { pid, mqttPort } = await untilReady('plexus', child, () => readNodeFile(directory));
    return { port: mqttPort, pid, stop: () => stopProcess(child) };
  },
};
