import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningPeer } from './peer.ts';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 3_000;

const started = new Set<ChildProcess>();

/** Ends everything that still runs; for signals and crashes of the benchmark itself. */
export function killAll(): void {
  for (const child of started) child.kill('SIGKILL');
}

/** Remembers a child so that {@link killAll} finds it. */
export function track(child: ChildProcess): ChildProcess {
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

/** Starts a program that may have as many open files as the system allows. */
export function launch(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const raised = 'ulimit -n "$(ulimit -Hn)" && exec "$0" "$@"';
  return track(spawn('sh', ['-c', raised, command, ...args], { stdio: ['ignore', 'ignore', 'ignore'], ...options }));
}

/** A system that is one process with one port. */
export function alone(port: number, child: ChildProcess): RunningPeer {
  return { port, subscribePort: port, pids: [child.pid!], stop: () => stopProcess(child) };
}

/** Nodes of a cluster: publishers go to the first, subscribers to the last. */
export function together(nodes: readonly RunningPeer[]): RunningPeer {
  return {
    port: nodes[0]!.port,
    subscribePort: nodes.at(-1)!.port,
    pids: nodes.flatMap(({ pids }) => pids),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

/** SIGTERM, and SIGKILL if that is not enough. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(force);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Waits until `ready` answers something; throws when it takes too long. */
export async function until<T>(what: string, ready: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const answer = await ready();
    if (answer !== null) return answer;
    await sleep(50);
  }
  throw new Error(`${what} did not come within ${START_TIMEOUT_MS / 1000} s`);
}

/** Waits until `ready` answers something; throws when the program ends or it takes too long. */
export async function untilReady<T>(name: string, child: ChildProcess, ready: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${name} ended with exit code ${child.exitCode} at its start`);
    const answer = await ready();
    if (answer !== null) return answer;
    await sleep(50);
  }
  throw new Error(`${name} did not start within ${START_TIMEOUT_MS / 1000} s`);
}

/** True when the port takes a connection, null when it does not. */
export async function accepts(port: number): Promise<true | null> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}

/** The first version number in what a command prints, whatever its exit code; null when there is no such command. */
export function printedVersion(command: string, args: readonly string[]): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  execFile(command, args, (error, stdout, stderr) => {
    const missing = error !== null && 'code' in error && error.code === 'ENOENT';
    resolve(missing ? null : (/\d+\.\d+\.\d+\S*/.exec(stdout + stderr)?.[0] ?? 'unknown version'));
  });
  return promise;
}
