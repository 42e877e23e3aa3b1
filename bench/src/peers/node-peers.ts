import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Peer, RunningPeer, Setup } from './peer.ts';
import { alone, track } from './processes.ts';

async function startModule(file: string, { tuning, transport }: Setup): Promise<RunningPeer> {
  const child = track(
    fork(join(import.meta.dirname, file), [tuning, transport], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  );
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`${file} ended with exit code ${code} at its start`);
  });
  const [message] = (await Promise.race([once(child, 'message'), exited])) as [{ port: number }];
  return alone(message.port, child);
}

/** The version in the package.json of an installed package; null when it is not installed. */
async function packageVersion(name: string): Promise<string | null> {
  try {
    const main = import.meta.resolve(name);
    const text = await readFile(new URL('package.json', main), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return null;
  }
}

export const aedes: Peer = {
  name: 'aedes',
  protocol: 'mqtt',
  transports: ['tcp', 'websocket'],
  mqtt5: false,
  groups: false,
  isBroker: true,
  version: () => packageVersion('aedes'),
  start: (_, setup) => startModule('aedes-process.ts', setup),
};

/** Takes part only when named with --peers. */
export const ceiling: Peer = {
  name: 'ceiling',
  protocol: 'mqtt',
  transports: ['tcp'],
  mqtt5: false,
  groups: false,
  isBroker: false,
  version: async () => 'of the generator',
  start: (_, setup) => startModule('ceiling-process.ts', setup),
};
