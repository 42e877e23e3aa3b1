import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launch, stopProcess, untilReady } from './processes.ts';

const root = join(import.meta.dirname, '../../..');
export const command = join(root, 'plexus');

/** What a node writes down about itself; null: it does not listen there. */
export interface NodeFile {
  readonly pid: number;
  readonly nodeId: string;
  readonly mqttPort: number;
  readonly mqttsPort: number | null;
  /** MQTT over WebSocket is at /mqtt of it. */
  readonly httpPort: number;
  readonly peerPort: number;
  /** Multiaddrs, with its id. */
  readonly peerAddresses: readonly string[];
}

/** A node in a process of its own. */
export interface PlexusProcess {
  readonly node: NodeFile;
  stop(): Promise<void>;
  /** At once, without a chance to say goodbye. */
  kill(): void;
}

export interface PlexusStart {
  readonly dataDir: string;
  readonly flags: readonly string[];
  /** What to start it through: a command and its arguments, which must become the node itself. */
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a node on free ports; resolves when it serves. */
export async function startPlexus({ dataDir, flags, through = [], env = {} }: PlexusStart): Promise<PlexusProcess> {
  const ports = ['--mqtt-port', '0', '--http-port', '0', '--peer-port', '0'];
  const start = ['start', ...ports, '--data-dir', dataDir, '--log-level', 'warn', ...flags];
  const [program, ...args] = [...through, command, ...start] as [string, ...string[]];
  const child = launch(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const node = await untilReady('plexus', child, () => readNodeFile(dataDir, child.pid!));
  return { node, stop: () => stopProcess(child), kill: () => void child.kill('SIGKILL') };
}

/** Flags of the members of a cluster, with a new secret in a file under `directory`. */
export async function membership(directory: string): Promise<string[]> {
  const secretFile = join(directory, 'secret');
  await writeFile(secretFile, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  return ['--cluster', 'bench', '--cluster-secret-file', secretFile];
}

/** Null until the process has written it: an earlier one that was killed has left its own. */
async function readNodeFile(dataDir: string, pid: number): Promise<NodeFile | null> {
  try {
    const file = JSON.parse(await readFile(join(dataDir, 'node.json'), 'utf8')) as NodeFile;
    return file.pid === pid ? file : null;
  } catch {
    return null;
  }
}
