import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { NodeInfo } from '../../src/lib/data-dir.ts';
import { StoreProcess } from '../store/store-process.ts';

/** Below the ports that systems give to outgoing connections: one of those could take the port of a node that is down. */
const FIRST_PORT = 12_000;
const PORTS = 20_000;

export interface ClusterNodeOptions {
  /** From 1. */
  readonly number: number;
  readonly dataDir: string;
  /** Where its clients reach it. */
  readonly host: string;
  /** As on the command line of `plexus start`. */
  readonly args: (peerPort: number) => readonly string[];
  /** A command that ends by running its arguments. */
  readonly through?: readonly string[];
}

export interface MemberShown {
  readonly nodeId: string;
  readonly state: string;
  readonly self: boolean;
  readonly filters: number;
  readonly link: string | null;
}

/** A node of a cluster as people run it, on the same ports after each start. */
export class ClusterNode {
  readonly number: number;
  readonly dataDir: string;
  readonly host: string;
  readonly ports: { readonly mqtt: number; readonly http: number; readonly peer: number };
  isPaused = false;
  /** Of all its runs; a healthy node says nothing worse than a warning. */
  said = '';
  readonly #args: readonly string[];
  readonly #through: readonly string[];
  #process: StoreProcess | null = null;
  #info: NodeInfo | null = null;

  private constructor(options: ClusterNodeOptions, ports: readonly [number, number, number]) {
    const { number, dataDir, host, args, through = [] } = options;
    const [mqtt, http, peer] = ports;
    this.number = number;
    this.dataDir = dataDir;
    this.host = host;
    this.ports = { mqtt, http, peer };
    this.#args = ['--mqtt-port', `${mqtt}`, '--http-port', `${http}`, '--peer-port', `${peer}`, ...args(peer)];
    this.#through = through;
  }

  /** Not started yet. */
  static async create(options: ClusterNodeOptions): Promise<ClusterNode> {
    return new ClusterNode(options, [await freePort(), await freePort(), await freePort()]);
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  /** Of its last start. */
  get nodeId(): string {
    return this.#info!.nodeId;
  }

  /** @param more arguments, of this start alone */
  async start(more: readonly string[] = []): Promise<void> {
    const { dataDir } = this;
    this.#process = await StoreProcess.start({ dataDir, args: [...this.#args, ...more], through: this.#through });
    this.#info = JSON.parse(readFileSync(join(dataDir, 'node.json'), 'utf8'));
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#over();
  }

  /** @returns the exit code */
  async stop(): Promise<number | null> {
    const code = (await this.#process?.stop()) ?? null;
    this.#over();
    return code;
  }

  pause(): void {
    process.kill(this.#process!.pid, 'SIGSTOP');
    this.isPaused = true;
  }

  goOn(): void {
    process.kill(this.#process!.pid, 'SIGCONT');
    this.isPaused = false;
  }

  /** @throws when there is no answer within 2 s */
  async members(): Promise<readonly MemberShown[]> {
    const { members } = (await this.#get('/api/v1/cluster')) as { members: MemberShown[] };
    return members;
  }

  /** @returns ids of the nodes that a message published here would go to, this one among them, sorted */
  async interestIn(topic: string): Promise<string[]> {
    const answer = await this.#get(`/api/v1/cluster/interest?topic=${encodeURIComponent(topic)}`);
    const { local, nodes } = answer as { local: boolean; nodes: string[] };
    return [...nodes, ...(local ? [this.nodeId] : [])].sort();
  }

  /** The sum over all label sets of a metric whose labels include `label`. */
  async metric(name: string, label = ''): Promise<number> {
    const response = await fetch(`http://${this.host}:${this.ports.http}/metrics`);
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  #over(): void {
    this.said += this.#process?.said ?? '';
    this.#process = null;
    this.isPaused = false;
  }

  async #get(path: string): Promise<unknown> {
    const url = `http://${this.host}:${this.ports.http}${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response.json();
  }
}

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
