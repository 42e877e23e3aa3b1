/**
 * Three nodes on this machine that are one cluster, for a look. They take the usual ports and those above, where these are free, and keep
 * their data under plexus-data/cluster. Ctrl-C ends them all.
 *
 *     npm run cluster -- [--nodes 3] [--dir plexus-data/cluster] [--free-ports]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NEW_SECRET_BYTES, type NodeInfo, newSecret } from '@plexus/server';
import { repositoryRoot } from './repository.ts';

const CLUSTER = 'local';
const HOST = '127.0.0.1';
const USUAL_PORTS = { mqtt: 1883, http: 8080, peer: 9443 } as const;
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
/** npm sends on the interrupt that the terminal has sent already: the second one within this time is the first. */
const NPM_ECHO_MS = 500;

interface Running {
  readonly number: number;
  readonly child: ChildProcess;
  readonly info: NodeInfo;
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    dir: { type: 'string', default: join(repositoryRoot, 'plexus-data', 'cluster') },
    'free-ports': { type: 'boolean', default: false },
  },
});
const count = Number(values.nodes);
const dir = resolve(values.dir);
const children = new Set<ChildProcess>();
/** Since somebody asked for it; null: nobody has. */
let endingSinceMs: number | null = null;
const say = (text: string): void => void process.stdout.write(text);

/** One that is there stays, so that the nodes of the last time know each other. */
function secretFile(): string {
  const path = join(dir, 'secret');
  if (!existsSync(path)) writeFileSync(path, `${newSecret(randomBytes(NEW_SECRET_BYTES))}\n`, { mode: 0o600 });
  return path;
}

/** @returns the port, or 0 if somebody has it */
function ifFree(port: number): Promise<number> {
  const probe = createServer();
  return new Promise((settle) => {
    probe.once('error', () => settle(0));
    probe.listen(port, HOST, () => probe.close(() => settle(port)));
  });
}

async function start(number: number, secret: string, first: NodeInfo | null): Promise<Running> {
  const dataDir = join(dir, `${number}`);
  const port = async (name: keyof typeof USUAL_PORTS): Promise<string> =>
    values['free-ports'] ? '0' : `${await ifFree(USUAL_PORTS[name] + number - 1)}`;
  const args = ['start', '--host', HOST, '--data-dir', dataDir, '--log-level', 'warn'];
  for (const name of ['mqtt', 'http', 'peer'] as const) args.push(`--${name}-port`, await port(name));
  args.push('--cluster', CLUSTER, '--cluster-secret-file', secret);
  if (first !== null) args.push('--join', `${HOST}:${first.peerPort}`);
  // In a group of its own: the terminal interrupts this process alone, and it ends them.
  const child = spawn(join(repositoryRoot, 'plexus'), args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
  children.add(child);
  child.once('close', () => children.delete(child));
  return { number, child, info: await infoOf(child, join(dataDir, 'node.json')) };
}

async function infoOf(child: ChildProcess, path: string): Promise<NodeInfo> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    if (!children.has(child)) throw new Error('a node ended before it was up: see above');
    try {
      const info = JSON.parse(readFileSync(path, 'utf8')) as NodeInfo;
      // Not what an earlier run left behind.
      if (info.pid === child.pid) return info;
    } catch {
      // Not there yet.
    }
  }
  throw new Error('a node did not start in time');
}

function greeting(nodes: readonly Running[]): string {
  const [first, second, third] = [nodes[0]!, nodes[1] ?? nodes[0]!, nodes[2] ?? nodes[0]!];
  const mqtt = ({ info }: Running): string => `mqtt://${HOST}:${info.mqttPort}`;
  const http = ({ info }: Running): string => `http://${HOST}:${info.httpPort}`;
  const rows = nodes.map(
    (node) => `  node ${node.number}   ${mqtt(node)}   ${http(node)}   process ${node.info.pid}\n`,
  );
  return `
Cluster ${CLUSTER}, data in ${relative(process.cwd(), dir) || '.'}

${rows.join('')}
Try it, in more terminals:

  ./plexus cluster status --url ${http(first)}
  ./plexus sub -t 'demo/#' -v --url ${mqtt(second)}
  ./plexus pub -t demo/hello -m 'hello, cluster' --url ${mqtt(third)}

Then end one, and look at the status again:

  kill -9 ${third.info.pid}

Ctrl-C ends them all.

`;
}

/** The first one asks the nodes to end in good order, the next one ends them at once. */
function endOnSignal(): void {
  const onSignal = (): void => {
    const now = performance.now();
    if (endingSinceMs !== null && now - endingSinceMs < NPM_ECHO_MS) return;
    for (const child of children) child.kill(endingSinceMs === null ? 'SIGTERM' : 'SIGKILL');
    endingSinceMs ??= now;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

if (!Number.isInteger(count) || count < 1) {
  process.stderr.write('--nodes is a whole number from 1\n');
  process.exit(2);
}
endOnSignal();
mkdirSync(dir, { recursive: true, mode: 0o700 });
try {
  const secret = secretFile();
  const nodes: Running[] = [];
  for (let number = 1; number <= count; number++) nodes.push(await start(number, secret, nodes[0]?.info ?? null));
  say(greeting(nodes));
  const ended = nodes.map(
    ({ number, child }) =>
      new Promise<void>((resolveEnded) =>
        child.once('close', (code, signal) => {
          say(`node ${number} has ended (${signal ?? code})\n`);
          resolveEnded();
        }),
      ),
  );
  await Promise.all(ended);
} catch (error) {
  for (const child of children) child.kill('SIGTERM');
  if (endingSinceMs === null) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
