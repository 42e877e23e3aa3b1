import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from './repository.ts';

/** Where a node listens that was told nothing else. */
const USUAL_PORTS = { mqtt: 1883, http: 8080, peer: 9443 } as const;
const START = /(^|; *|\)) *\.\/plexus start/;
const NODE_DIRECTORY = /--data-dir (\S+)/;

export function sectionOf(document: string, heading: string): string {
  const text = readFileSync(join(repositoryRoot, document), 'utf8');
  return text.slice(text.indexOf(`## ${heading}\n`)).split(/\n## /)[0]!;
}

/** The lines of the examples for the shell under a heading. */
export function commandsOf(document: string, heading: string): string[] {
  return [...sectionOf(document, heading).matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, code]) =>
    code!.trim().split('\n'),
  );
}

export const isStart = (command: string): boolean => START.test(command);

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening));
  const { port } = probe.address() as { port: number };
  await new Promise((closed) => probe.close(closed));
  return port;
}

/** A command that was typed. */
export interface Typed {
  readonly command: string;
  readonly child: ChildProcess;
  /** On stdout and stderr, so far. */
  said(): string;
  /** Exit code; null: a signal. */
  readonly done: Promise<number | null>;
}

/** Types commands of a document as a reader would, only that the nodes have other ports and directories. */
export class Terminals implements AsyncDisposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'plexus-typed-'));
  readonly #running = new Set<ChildProcess>();
  /** What the document says → what is free on this machine. */
  readonly #ports = new Map<number, number>();
  readonly #data: string;
  readonly #patienceMs: number;

  private constructor(data: string, patienceMs: number) {
    this.#data = data;
    this.#patienceMs = patienceMs;
  }

  /**
   * @param nodes that the commands start; their ports follow on the usual ones
   * @param data the directory that they name for what they make
   * @param patienceMs for whatever is waited for
   */
  static async open(nodes: number, data: string, patienceMs: number): Promise<Terminals> {
    const terminals = new Terminals(data, patienceMs);
    for (const port of Object.values(USUAL_PORTS)) {
      for (let number = 0; number < nodes; number++) terminals.#ports.set(port + number, await freePort());
    }
    return terminals;
  }

  /** HTTP address of a node, by its number from 0. */
  httpUrl(number: number): string {
    return `http://127.0.0.1:${this.#ports.get(USUAL_PORTS.http + number)}`;
  }

  type(command: string): Typed {
    const env = { ...process.env, PLEXUS_HTTP_URL: this.httpUrl(0), NO_COLOR: '1' };
    const args = ['-c', this.#moved(command)];
    const child = spawn('sh', args, { cwd: repositoryRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    let said = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (said += chunk));
    const done = new Promise<number | null>((ended) =>
      child.once('close', (code) => {
        this.#running.delete(child);
        ended(code);
      }),
    );
    return { command, child, said: () => said, done };
  }

  /** Waits until a node that was typed is up. */
  async started({ command, child, said }: Typed): Promise<void> {
    const info = join(this.#inHere(NODE_DIRECTORY.exec(command)![1]!), 'node.json');
    await this.until(`${command}: ${said()}`, () => existsSync(info) || child.exitCode !== null);
    if (child.exitCode !== null) throw new Error(`${command}: ${said()}`);
  }

  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + this.#patienceMs; !(await isSo()); await sleep(50)) {
      if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    }
  }

  /** Ends what runs, and leaves nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    const gone = Array.from(this.#running, (child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of this.#running) child.kill('SIGKILL');
    await Promise.all(gone);
    rmSync(this.#root, { recursive: true, force: true });
  }

  #inHere(text: string): string {
    // Not there yet: the commands make it.
    return text.replaceAll(this.#data, join(this.#root, 'data'));
  }

  #moved(command: string): string {
    let named = command;
    for (const [name, port] of Object.entries(USUAL_PORTS)) {
      if (isStart(command) && !command.includes(`--${name}-port`)) named += ` --${name}-port ${port}`;
    }
    // What is killed later is to be the node, not its shell.
    return this.#inHere(named)
      .replace(/\b\d{4}\b/g, (digits) => String(this.#ports.get(Number(digits)) ?? digits))
      .replace(START, '$1 exec ./plexus start')
      .replace(/ &$/, '');
  }
}
