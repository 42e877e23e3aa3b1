import { PlexusError } from '@plexus/protocol';
import type { Authenticator } from '../broker/ports.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type Config, loadConfig } from '../config.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { Turn } from '../lib/turn.ts';
import type { Meshing } from '../node/meshing.ts';
import { Messaging } from '../node/messaging.ts';
import { makePeering, type Peering } from '../node/peering.ts';
import type { Stores } from '../store/store.ts';
import { MemoryHub, type MemoryNetwork } from './memory-network.ts';
import type { ConnectOptions } from './packets.ts';
import { advanceWorld, settleWorld } from './settle-world.ts';
import { type Host, TestClient, type TestClientOptions } from './test-client.ts';

const MAX_ROUNDS = 100_000;
const SECRET = 'q2-Fv8mW1xT6yB0sN4kD7hJ3pLzRcGuE9aVoXiKtYnM';
/** Settles that find nothing to do before nothing is to be done: promises resolve in between. */
const QUIET_ROUNDS = 5;

const NO_STORES: Stores = {
  list: () => [],
  get: (store) => {
    throw new PlexusError('store_not_found', { store });
  },
};

/** The user name is the realm. */
const BY_NAME: Authenticator = { authenticate: (username) => ({ realm: username ?? 'default', username }) };

/** What nodes under test share. */
export interface TestWorld {
  readonly clock: FakeClock;
  readonly hub: MemoryHub;
  readonly turn: Turn;
  readonly random: () => number;
  /** Lines that were logged as errors. */
  readonly faults: string[];
}

/** One node under test: everything but sockets, HTTP and stores. */
export class TestNode implements Host {
  readonly nodeId: string;
  readonly messaging: Messaging;
  readonly peering: Peering;
  readonly meshing: Meshing | null;
  readonly #network: MemoryNetwork;
  readonly #clock: FakeClock;
  readonly #clients: TestClient[] = [];

  /** @param makeMesh default: it takes no part in the mesh */
  constructor(
    world: TestWorld,
    nodeId: string,
    incarnation: number,
    overrides: Partial<Config>,
    makeMesh: (config: Config, peering: Peering, log: Logger) => Meshing | null = () => null,
  ) {
    const { clock, turn } = world;
    const config: Config = { ...TEST_DEFAULTS, cluster: 'test', ...overrides };
    const log = createLogger({ level: 'error', destination: { write: (line) => void world.faults.push(line) } });
    this.nodeId = nodeId;
    this.#clock = clock;
    this.#network = world.hub.node(nodeId);
    const secrets = config.cluster === null ? null : [SECRET];
    const parts = { config, network: this.#network, incarnation, secrets, clock, turn, log };
    this.peering = makePeering({ ...parts, random: world.random });
    this.meshing = makeMesh(config, this.peering, log);
    this.messaging = new Messaging({
      options: config,
      clock,
      turn,
      authenticator: BY_NAME,
      newClientId: () => 'assigned',
      log,
      cluster: this.peering.cluster,
      mesh: this.meshing?.mesh ?? null,
      stores: NO_STORES,
    });
  }

  async start(): Promise<void> {
    await this.peering.pool.start();
    this.peering.cluster?.start();
    this.meshing?.mesh.start();
    this.messaging.start();
  }

  /** Of a node that is in one. */
  get cluster(): Cluster {
    return this.peering.cluster!;
  }

  /** A client that is connected. */
  client(id: string, options: TestClientOptions & ConnectOptions = {}): TestClient {
    const { version, address, autoAck, ...connect } = options;
    const client = new TestClient(this, id, {
      ...(version !== undefined && { version }),
      ...(address !== undefined && { address }),
      ...(autoAck !== undefined && { autoAck }),
    }).connect(connect);
    if (client.connackReason !== 0) throw new Error(`${id} was refused: ${client.connackReason}`);
    return client;
  }

  accept(client: TestClient): void {
    const handler = this.messaging.broker.accept(client.transport, 'memory');
    if (handler === null) throw new Error('refused');
    client.transport.attach(handler);
    this.#clients.push(client);
  }

  settle(): void {
    for (let quiet = 0, rounds = 0; quiet < QUIET_ROUNDS; rounds++) {
      if (rounds > MAX_ROUNDS) throw new Error('the node never settles');
      quiet = this.step() ? 0 : quiet + 1;
      this.#clock.advance(0);
    }
  }

  step(): boolean {
    let busy = false;
    for (const client of this.#clients) busy = client.transport.step() || busy;
    return busy;
  }

  /** As kill -9: nothing is said. */
  kill(): void {
    this.messaging.stop();
    this.meshing?.mesh.stop();
    this.peering.cluster?.stop();
    this.#network.stop();
    // It has no channel any more over which it could say anything, and it dials nobody.
    this.peering.pool.stop();
  }
}

export const TEST_DEFAULTS = loadConfig({ flags: {}, env: {}, readFile: () => '' });

/** Nodes of one cluster with their real parts, on one virtual clock and an in-memory network. */
export class TestCluster implements TestWorld {
  readonly clock = new FakeClock();
  readonly hub = new MemoryHub((run) => this.clock.setImmediate(run));
  readonly turn = new Turn((run) => this.clock.setImmediate(run));
  readonly nodes: TestNode[] = [];
  readonly faults: string[] = [];
  #seed = 1;

  /** Park and Miller's: the same in every run. */
  readonly random = (): number => {
    this.#seed = (this.#seed * 48_271) % 0x7fff_ffff;
    return this.#seed / 0x7fff_ffff;
  };

  /** Fully linked. */
  static async of(count: number, overrides: Partial<Config> = {}): Promise<TestCluster> {
    const world = new TestCluster();
    for (let i = 0; i < count; i++) await world.add(overrides);
    await world.settle();
    return world;
  }

  async add(overrides: Partial<Config> = {}): Promise<TestNode> {
    const number = this.nodes.length;
    const node = new TestNode(this, `node-${number}`, this.clock.wallMs() + number, overrides);
    this.nodes.push(node);
    await node.start();
    for (const other of this.nodes.slice(0, -1)) this.#introduce(node, other);
    await this.settle();
    return node;
  }

  /** Until nothing happens any more. Time stands still. */
  settle(): Promise<void> {
    return settleWorld(this);
  }

  advance(ms: number): Promise<void> {
    return advanceWorld(this, ms);
  }

  #introduce(node: TestNode, other: TestNode): void {
    node.peering.pool.keep('cluster', { peerId: other.nodeId, addresses: [`/memory/${other.nodeId}`] });
  }
}
