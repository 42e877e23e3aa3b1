import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repositoryRoot } from './repository.ts';

const TIMEOUT_MS = 120_000;
const USUAL = { mqtt: 1883, http: 8080, peer: 9443 } as const;
const NODES = 3;
const DATA = 'plexus-data/demo';

const dir = mkdtempSync(join(tmpdir(), 'plexus-cluster-doc-'));
const running = new Set<ChildProcess>();
/** What the documents say → what is free on this machine. */
const ports = new Map<number, number>();

/** The lines of the examples for the shell under a heading. */
function commandsOf(document: string, heading: string): string[] {
  const text = readFileSync(join(repositoryRoot, document), 'utf8');
  const section = text.slice(text.indexOf(`## ${heading}\n`)).split(/\n## /)[0]!;
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, code]) => code!.trim().split('\n'));
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening));
  const { port } = probe.address() as { port: number };
  await new Promise((closed) => probe.close(closed));
  return port;
}

/** As a reader would type it, only that the nodes have other ports and directories. */
function moved(command: string): string {
  const named = command.startsWith('./plexus start')
    ? Object.entries(USUAL).reduce(
        (line, [name, port]) => (line.includes(`--${name}-port`) ? line : `${line} --${name}-port ${port}`),
        command,
      )
    : command;
  return named
    .replaceAll(DATA, dir)
    .replace(/\b\d{4}\b/g, (digits) => String(ports.get(Number(digits)) ?? digits))
    .replace(/^\.\/plexus start/, 'exec ./plexus start');
}

function type(command: string): { child: ChildProcess; said: () => string; done: Promise<number | null> } {
  const env = { ...process.env, PLEXUS_HTTP_URL: `http://127.0.0.1:${ports.get(USUAL.http)}`, NO_COLOR: '1' };
  const child = spawn('sh', ['-c', moved(command)], { cwd: repositoryRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (said += chunk));
  const done = new Promise<number | null>((ended) =>
    child.once('close', (code) => {
      running.delete(child);
      ended(code);
    }),
  );
  return { child, said: () => said, done };
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS / 2; !(await isSo()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
  }
}

/** Whether the third node knows that somebody elsewhere wants the topic. */
async function isWanted(topic: string): Promise<boolean> {
  const url = `http://127.0.0.1:${ports.get(USUAL.http + 2)}/api/v1/cluster/interest?topic=${encodeURIComponent(topic)}`;
  return ((await (await fetch(url)).json()) as { nodes: string[] }).nodes.length > 0;
}

beforeAll(async () => {
  for (const port of Object.values(USUAL)) {
    for (let number = 0; number < NODES; number++) ports.set(port + number, await freePort());
  }
});
afterAll(async () => {
  const gone = Array.from(running, (child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(gone);
  rmSync(dir, { recursive: true, force: true });
});

it('README.md and docs/cluster.md start the same three nodes', () => {
  const starts = (commands: string[]): string[] => commands.filter((line) => line.startsWith('./plexus start'));
  const readme = starts(commandsOf('README.md', 'Three nodes'));
  expect(readme).toHaveLength(NODES);
  expect(starts(commandsOf('docs/cluster.md', 'Three nodes on one machine'))).toEqual(readme);
});

it('the three nodes of README.md do what it says', { timeout: TIMEOUT_MS }, async () => {
  let subscriber: ReturnType<typeof type> | null = null;
  let nodes = 0;
  for (const command of commandsOf('README.md', 'Three nodes')) {
    const typed = type(command);
    if (command.startsWith('./plexus start')) {
      const info = join(dir, `${++nodes}`, 'node.json');
      await until(`${command}: ${typed.said()}`, () => existsSync(info) || typed.child.exitCode !== null);
      expect(typed.child.exitCode, typed.said()).toBeNull();
    } else if (command.startsWith('./plexus sub')) {
      subscriber = typed;
      await until('the subscription', () => isWanted('demo/hello'));
    } else {
      expect(await typed.done, typed.said()).toBe(0);
      // A person takes longer to come to the next line than the nodes do to link.
      if (command === './plexus cluster status') {
        await until('three nodes that are up', async () => {
          const status = type(command);
          await status.done;
          // Three nodes, and the links with two.
          return status.said().match(/ up /g)?.length === NODES + 2;
        });
      }
    }
  }
  await until('the message', () => subscriber!.said().includes('demo/hello hello, cluster\n'));
});
