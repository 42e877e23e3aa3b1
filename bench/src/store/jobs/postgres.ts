import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort, launch, stopProcess, untilReady } from '../../peers/processes.ts';
import type { Job } from '../../rows/job.ts';
import { closedLoop, payload } from '../load.ts';
import { peerModule } from '../peer-modules.ts';

const STREAMS = 1000;
const DEBIAN = '/usr/lib/postgresql';

interface EventStore {
  appendToStream(stream: string, events: object[]): Promise<unknown>;
  schema: { migrate(): Promise<unknown> };
  close(): Promise<void>;
}
type Emmett = { getPostgreSQLEventStore(connection: string): EventStore };

/** Debian keeps the programs of the server outside the PATH. */
function program(name: string): string {
  const version = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort().at(-1) : undefined;
  return version === undefined ? name : join(DEBIAN, version, 'bin', name);
}

/** PostgreSQL refuses to run as root. */
function asUser(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  return ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]];
}

/** The same appends to PostgreSQL through Emmett, each committed (`synchronous_commit=on`) before it is answered. */
export const postgres: Job = async ({ directory, measureMs, parameters }) => {
  const { getPostgreSQLEventStore } = await peerModule<Emmett>('@event-driven-io/emmett-postgresql');
  const data = mkdtempSync(join(directory, 'postgres-'));
  if (process.getuid?.() === 0) {
    const id = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
    chownSync(data, id, id);
  }
  const init = ['-D', join(data, 'db'), '-A', 'trust', '-U', 'postgres', '--no-sync'];
  execFileSync(...asUser(program('initdb'), init), { stdio: 'ignore' });
  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: data, synchronous_commit: 'on' };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const server = launch(...asUser(program('postgres'), ['-D', join(data, 'db'), ...flags]));
  try {
    await untilReady('postgres', server, () => accepts(port));
    // Its pool of ten connections as it is: on two cores, more of them made it slower.
    const store = getPostgreSQLEventStore(`postgresql://postgres@127.0.0.1:${port}/postgres`);
    await store.schema.migrate();
    const rate = await closedLoop(parameters.inFlight!, measureMs, (n) =>
      store.appendToStream(`stream-${n % STREAMS}`, [{ type: `type-${n % 16}`, data: payload(n) }]),
    );
    await store.close();
    return { perSecond: rate };
  } finally {
    await stopProcess(server);
  }
};
