import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeInfo } from '../../src/lib/data-dir.ts';
import type { LinkInfo } from '../../src/peer/link-ports.ts';
import { RawClient, type RawClientOptions } from '../load/raw-client.ts';
import { HostProcess } from './host-process.ts';

const ANSWER_MS = 10_000;
/** Of all users; every node has one per realm, with its name. */
export const PASSWORD = 'secret';

export interface MeshNodeSetup {
  /** From 1. */
  readonly number: number;
  readonly nodeId: string;
  readonly dataDir: string;
  readonly peerPort: number;
  /** Where it runs; null: in a process of its own, so that it can be killed alone. */
  readonly host: HostProcess | null;
  readonly cluster: string | null;
  /** Everything that is in its file, but for where it joins. */
  readonly config: Readonly<Record<string, unknown>>;
}

type LinkShown = Pick<LinkInfo, 'peerId' | 'purpose' | 'state' | 'framesOut'>;

interface PeerShown {
  readonly peerId: string;
  readonly links: readonly Omit<LinkShown, 'peerId'>[];
}

/** A node of the mesh with everything that a node has, on the same peer port after each start. */
export class MeshNode {
  readonly number: number;
  readonly nodeId: string;
  readonly dataDir: string;
  readonly peerPort: number;
  readonly cluster: string | null;
  /** Of all its runs: warnings, and worse. */
  readonly said: string[] = [];
  /** How often it was started. */
  starts = 0;
  readonly #shared: HostProcess | null;
  readonly #config: Readonly<Record<string, unknown>>;
  #host: HostProcess | null = null;
  #info: NodeInfo | null = null;

  constructor(setup: MeshNodeSetup) {
    const { number, nodeId, dataDir, peerPort, host, cluster, config } = setup;
    this.number = number;
    this.nodeId = nodeId;
    this.dataDir = dataDir;
    this.peerPort = peerPort;
    this.cluster = cluster;
    this.#shared = host;
    this.#config = config;
  }

  get isRunning(): boolean {
    return this.#info !== null;
  }

  get address(): string {
    return `127.0.0.1:${this.peerPort}`;
  }

  /** @param meshJoin addresses of nodes of the mesh @param join of the cluster */
  async start(meshJoin: readonly string[], join_: readonly string[]): Promise<void> {
    const configFile = join(this.dataDir, 'plexus.yaml');
    const config = { ...this.#config, meshJoin, ...(join_.length > 0 && { join: join_ }) };
    writeFileSync(configFile, JSON.stringify(config));
    this.#host = this.#shared ?? new HostProcess();
    if (this.#shared === null) this.#host.onSaid = ({ line }) => this.said.push(line);
    this.starts++;
    const { info } = await this.#host.ask({ do: 'start', node: this.number, configFile });
    this.#info = info!;
  }

  /** kill -9 where it has a process of its own; else it stops without a word to anybody. */
  async kill(): Promise<void> {
    const host = this.#host;
    this.#over();
    if (this.#shared === null) await host?.kill();
    else if (host?.isRunning === true) await host.ask({ do: 'stop', node: this.number });
  }

  /** As a person would stop it. */
  async drain(): Promise<void> {
    const host = this.#host;
    this.#over();
    await host?.ask({ do: 'drain', node: this.number });
    if (this.#shared === null) await host?.kill();
  }

  async heapBytes(): Promise<number> {
    return (await this.#host!.ask({ do: 'memory' })).heapBytes ?? 0;
  }

  /** @param realm null: the connection is anonymous, in the realm `default` */
  client(id: string, realm: string | null = null, options: RawClientOptions = {}): Promise<RawClient> {
    const user = realm === null ? {} : { username: realm, password: Buffer.from(PASSWORD) };
    return RawClient.connect(this.#info!.mqttPort!, id, { ...user, ...options });
  }

  /** @throws when there is no answer */
  async get<T>(path: string): Promise<T> {
    const response = await this.#fetch(path);
    if (!response.ok) throw new Error(`${path} on node ${this.number}: ${response.status}`);
    return (await response.json()) as T;
  }

  async links(purpose = 'mesh'): Promise<readonly LinkShown[]> {
    const { peers } = await this.get<{ peers: PeerShown[] }>('/api/v1/peers?limit=1000');
    const links = peers.flatMap((peer) => peer.links.map((link) => ({ ...link, peerId: peer.peerId })));
    return links.filter((link) => link.purpose === purpose);
  }

  /** The sum of a metric over all label sets that include `label`. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await this.#fetch('/metrics')).text();
    const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  #fetch(path: string): Promise<Response> {
    const url = `http://127.0.0.1:${this.#info!.httpPort}${path}`;
    return fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  }

  #over(): void {
    this.#info = null;
    this.#host = null;
  }
}
