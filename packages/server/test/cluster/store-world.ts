import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { newSecret } from '../../src/cluster/secret.ts';
import { hashPassword } from '../../src/lib/password.ts';
import { randomId } from '../../src/lib/random.ts';
import { until } from '../store/store-process.ts';
import { ClusterNode } from './cluster-node.ts';

const PLEXUS = resolve(import.meta.dirname, '../../../../plexus');
const CLUSTER = 'stores';
const START_TIMEOUT_MS = 20_000;
/** Of realm `plant`, on every node; whoever comes without a name is in realm `default`. */
export const PLANT_USER = { username: 'ann', password: 'correct horse' } as const;

/** An event store, as the configuration file has it. */
export interface StoreEntry {
  readonly name: string;
  readonly realm?: string;
}

/** As `GET /api/v1/stores` shows it. */
export interface StoreShown {
  readonly name: string;
  readonly realm: string;
  readonly uuid: string;
  readonly node: string | null;
  readonly healthy: boolean;
  readonly problem: string | null;
  readonly conflict: boolean;
  readonly lastPosition: number | null;
  readonly workers: readonly { readonly id: string; readonly role: string; readonly load: number }[];
}

/** An event, as every answer shows it. */
export interface EventShown {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly position: number;
  readonly type: string;
  readonly data: unknown;
  readonly attempt?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: an answer is looked into member by member
export type Body = any;

export interface Reply {
  readonly status: number;
  readonly body: Body;
}

/** A node of a cluster with stores, and what people ask of it. */
export class StoreNode {
  readonly node: ClusterNode;
  readonly url: string;

  constructor(node: ClusterNode) {
    this.node = node;
    this.url = `http://127.0.0.1:${node.ports.http}`;
  }

  /** @param path under `/api/v1` @throws if there is no answer */
  async ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Reply> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      ...(signal !== undefined && { signal }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  /** @throws unless it succeeds */
  async done(method: string, path: string, body?: unknown): Promise<Body> {
    const reply = await this.ask(method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  /** One event for each of these data. */
  append(store: string, stream: string, ...data: unknown[]): Promise<Body> {
    const events = data.map((one) => ({ type: 'placed', data: one }));
    return this.done('POST', `/stores/${store}/streams/${encodeURIComponent(stream)}/events`, { events });
  }

  /** The whole store, or what `query` wants of it. */
  async events(store: string, query = ''): Promise<EventShown[]> {
    const response = await fetch(`${this.url}/api/v1/stores/${store}/events?${query}`, {
      headers: { accept: 'application/x-ndjson' },
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`reading ${store}: ${response.status} ${text}`);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  async stores(): Promise<StoreShown[]> {
    return (await this.done('GET', '/stores')).stores;
  }

  /** @param path of a stream of server-sent events @param events takes them as they come @throws if there is none */
  async live(path: string, signal: AbortSignal, events: EventShown[] = []) {
    const response = await fetch(`${this.url}/api/v1${path}`, { headers: { accept: 'text/event-stream' }, signal });
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const faults: string[] = [];
    const read = async (): Promise<void> => {
      let text = '';
      const decoder = new TextDecoder();
      for await (const chunk of response.body!) {
        text += decoder.decode(chunk, { stream: true });
        const parts = text.split('\n\n');
        text = parts.pop()!;
        for (const part of parts) {
          const data = part.split('\n').find((line) => line.startsWith('data: '));
          if (data === undefined) continue;
          if (part.startsWith('event: fault')) faults.push(data.slice(6));
          else events.push(JSON.parse(data.slice(6)));
        }
      }
    };
    return { events, faults, ended: read().catch(() => {}) };
  }

  /** A reader that comes again when it was told that the store is away, as server-sent events do. */
  follow(store: string): Follower {
    return new Follower(this, store);
  }

  async mqtt(options: IClientOptions = {}): Promise<Listener> {
    return Listener.connect(`mqtt://127.0.0.1:${this.node.ports.mqtt}`, options);
  }

  /** `plexus store …` against this node. */
  async cli(args: readonly string[], input = ''): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(PLEXUS, ['store', ...args], { env: { ...process.env, PLEXUS_HTTP_URL: this.url } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdin.end(input);
    const code = await new Promise<number | null>((done) => child.once('close', done));
    return { code, out, err };
  }

  /** Ends the links with another node that no cluster keeps: the one on which stores are asked for. */
  async cutStoreLink(to: StoreNode): Promise<void> {
    await this.done('DELETE', `/peers/${to.node.nodeId}`);
  }
}

/** All events of a store from the beginning, in the order in which they come. */
export class Follower {
  readonly events: EventShown[] = [];
  /** Not that the store was away. */
  readonly faults: string[] = [];
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;

  constructor(node: StoreNode, store: string) {
    this.#run = this.#follow(node, store);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  async #follow(node: StoreNode, store: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const from = (this.events.at(-1)?.position ?? -1) + 1;
        const { faults, ended } = await node.live(`/stores/${store}/events?from=${from}`, signal, this.events);
        await ended;
        this.faults.push(...faults.filter((fault) => !fault.includes('"store_unavailable"')));
      } catch (error) {
        if (!signal.aborted && !String(error).includes('store_unavailable')) this.faults.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** An MQTT client, and all that came to it. */
export class Listener {
  readonly client: MqttClient;
  readonly packets: IPublishPacket[] = [];

  private constructor(client: MqttClient) {
    this.client = client;
    client.on('error', () => {});
    client.on('message', (_topic, _payload, packet) => this.packets.push(packet));
  }

  static async connect(url: string, options: IClientOptions): Promise<Listener> {
    return new Listener(await connectAsync(url, { protocolVersion: 5, reconnectPeriod: 0, ...options }));
  }

  /** @returns the reason of the SUBACK */
  async subscribe(filter: string): Promise<number> {
    try {
      const [grant] = await this.client.subscribeAsync(filter, { qos: 1 });
      return grant?.qos ?? 128;
    } catch (error) {
      return (error as { code?: number }).code ?? 128;
    }
  }

  data(): unknown[] {
    return this.packets.map(({ payload }) => JSON.parse(payload.toString()));
  }

  /** As the user properties of events say. */
  positions(): number[] {
    return this.packets.map(({ properties }) => Number(properties?.userProperties?.position));
  }

  close(): void {
    this.client.end(true);
  }
}

/** Nodes of one cluster as people run them, each with the stores of its configuration file. */
export class StoreWorld implements AsyncDisposable {
  readonly nodes: readonly StoreNode[];
  readonly #dir: string;

  private constructor(nodes: readonly StoreNode[], dir: string) {
    this.nodes = nodes;
    this.#dir = dir;
  }

  /** @param stores of each node; they are one cluster, and know the stores of each other, when this resolves */
  static async start(...stores: readonly (readonly StoreEntry[])[]): Promise<StoreWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'plexus-cluster-stores-'));
    writeFileSync(join(dir, 'secret'), `${newSecret(Buffer.from(randomId(32), 'hex'))}\n`, { mode: 0o600 });
    const user = { name: PLANT_USER.username, passwordHash: await hashPassword(PLANT_USER.password), realm: 'plant' };
    const nodes: StoreNode[] = [];
    for (const [index, own] of stores.entries()) {
      const dataDir = join(dir, `${index + 1}`);
      mkdirSync(dataDir, { mode: 0o700 });
      const config = join(dataDir, 'plexus.yaml');
      // JSON is YAML.
      writeFileSync(config, JSON.stringify({ stores: own, users: [user], allowAnonymous: true }));
      const joins = nodes.flatMap(({ node }) => ['--join', `127.0.0.1:${node.ports.peer}`]);
      const cluster = ['--cluster', CLUSTER, '--cluster-secret-file', join(dir, 'secret')];
      const args = () => ['--host', '127.0.0.1', '--config', config, '--no-quic', ...cluster, ...joins];
      nodes.push(new StoreNode(await ClusterNode.create({ number: index + 1, dataDir, host: '127.0.0.1', args })));
    }
    const world = new StoreWorld(nodes, dir);
    try {
      await Promise.all(nodes.map(({ node }) => node.start()));
      await world.whole(stores.flat().length);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  /** Until every node sees so many stores that are open, and all that run see each other. */
  async whole(stores: number): Promise<void> {
    const running = this.nodes.filter(({ node }) => node.isRunning);
    for (const one of running) {
      await until(`node ${one.node.number} sees all`, START_TIMEOUT_MS, async () => {
        const up = (await one.node.members()).filter(
          ({ state, self, link }) => state === 'up' && (self || link === 'up'),
        );
        const open = (await one.stores()).filter(
          ({ node, healthy, conflict }) => node !== null && (healthy || conflict),
        );
        return up.length === running.length && open.length === stores;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(({ node }) => node.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
