import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { MeshAnswer } from '../../src/admin/mesh-schemas.ts';
import type { LinkInfo } from '../../src/peer/link-ports.ts';
import { StoreProcess } from '../store/store-process.ts';
import type { NatLab } from './nat-lab.ts';

const PLEXUS = resolve(import.meta.dirname, '../../../../plexus');
const PEER_PORT = 9443;
const OPEN = ['--host', '0.0.0.0', '--allow-anonymous', '--peer-port', `${PEER_PORT}`];
const FETCH = 'fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))';
const ANSWER_MS = 5000;

const run = promisify(execFile);

/** Types a command. @returns what it printed */
export async function plexus(...args: readonly string[]): Promise<string> {
  return (await run(PLEXUS, args)).stdout.trim();
}

/** `plexus sub`, which prints a message per line. */
export interface Subscriber {
  readonly got: readonly string[];
}

/** `plexus pub`, which takes a message per line. */
export interface Publisher {
  send(texts: readonly string[]): void;
  /** @returns its exit code: 0 when the node has taken all of them */
  end(): Promise<number | null>;
}

/** A host of a NatLab with a whole node on it, and what people type there: its clients are on the same host. */
export class NatSite implements AsyncDisposable {
  readonly peerId: string;
  readonly address: string;
  readonly #lab: NatLab;
  readonly #host: number;
  readonly #dataDir: string;
  readonly #clients = new Set<ChildProcess>();
  #args: readonly string[] = [];
  #node: StoreProcess | null = null;

  private constructor(lab: NatLab, host: number, address: string, dataDir: string, peerId: string) {
    this.#lab = lab;
    this.#host = host;
    this.#dataDir = dataDir;
    this.address = `${address}:${PEER_PORT}`;
    this.peerId = peerId;
  }

  /** With an identity; it has no token yet, and is not started. */
  static async create(lab: NatLab, host: number, address: string, dataDir: string): Promise<NatSite> {
    return new NatSite(lab, host, address, dataDir, await plexus('identity', '--data-dir', dataDir));
  }

  /** Gets it a token of the realm. @param authority its file */
  async issue(authority: string): Promise<void> {
    const out = join(this.#dataDir, 'realms', 'default.token');
    await plexus('realm', 'issue', '--authority', authority, '--peer', this.peerId, '--out', out);
  }

  /** @param args of `plexus start`; null: those of the last time */
  async start(args: readonly string[] | null = null): Promise<void> {
    this.#args = args ?? this.#args;
    const through = this.#lab.through(this.#host);
    this.#node = await StoreProcess.start({ dataDir: this.#dataDir, args: [...OPEN, ...this.#args], through });
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#node?.kill();
    this.#node = null;
  }

  mesh(): Promise<MeshAnswer> {
    return this.#get('/api/v1/mesh');
  }

  /** With another node, by purpose. */
  async linksWith({ peerId }: NatSite): Promise<readonly LinkInfo[]> {
    const { peers } = await this.#get<{ peers: { peerId: string; links: LinkInfo[] }[] }>('/api/v1/peers');
    return peers.find((peer) => peer.peerId === peerId)?.links ?? [];
  }

  /** At QoS 1, as are publishers. */
  subscribe(filter: string): Subscriber {
    const got: string[] = [];
    const child = this.#type('sub', '-q', '1', '-t', filter);
    createInterface(child.stdout!).on('line', (line) => got.push(line));
    return { got };
  }

  /** One connection, for all that it sends. */
  publish(topic: string): Publisher {
    const child = this.#type('pub', '-q', '1', '-l', '-t', topic);
    const ended = new Promise<number | null>((done) => child.once('close', done));
    return {
      send: (texts) => void child.stdin!.write(texts.map((text) => `${text}\n`).join('')),
      end: () => {
        child.stdin!.end();
        return ended;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = Array.from(this.#clients, (child) => new Promise((done) => child.once('close', done)));
    for (const child of this.#clients) child.kill('SIGKILL');
    await Promise.all(ended);
    await this.kill();
  }

  #type(...args: readonly string[]): ChildProcess {
    const [command, ...rest] = [...this.#lab.through(this.#host), PLEXUS, ...args, '--url', this.#node!.mqttUrl];
    const child = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#clients.add(child);
    child.once('close', () => this.#clients.delete(child));
    return child;
  }

  async #get<T>(path: string): Promise<T> {
    const asked = [process.execPath, '-e', FETCH, `${this.#node!.httpUrl}${path}`];
    const [command, ...rest] = [...this.#lab.through(this.#host), ...asked];
    return JSON.parse((await run(command!, rest, { timeout: ANSWER_MS })).stdout) as T;
  }
}
