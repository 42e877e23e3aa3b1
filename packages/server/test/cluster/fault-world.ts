import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSecret } from '../../src/cluster/secret.ts';
import { randomId } from '../../src/lib/random.ts';
import { sleep, until } from '../store/store-process.ts';
import { ClusterLoad, type ClusterLoadOptions } from './cluster-load.ts';
import { ClusterNode } from './cluster-node.ts';
import { Ledger } from './ledger.ts';
import type { NetworkLab } from './network-lab.ts';

export const CLUSTER = 'faults';
/** After the last fault, all nodes have to want the same within this. */
export const CONVERGED_MS = 5000;
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 25;

export interface FaultWorldOptions extends Partial<ClusterLoadOptions> {
  readonly nodes: number;
  /** null: all on loopback. */
  readonly lab?: NetworkLab | null;
  /** As on the command line, of each node. */
  readonly args?: (number: number) => readonly string[];
}

/** A cluster of real processes, clients that publish and subscribe on all of them, and the ledger of what came of it. */
export class FaultWorld implements AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  readonly dir: string;
  readonly secret: string;
  ledger!: Ledger;
  load!: ClusterLoad;
  readonly #options: FaultWorldOptions;

  private constructor(options: FaultWorldOptions, dir: string, secret: string, nodes: readonly ClusterNode[]) {
    this.#options = options;
    this.dir = dir;
    this.secret = secret;
    this.nodes = nodes;
  }

  /** Starts all nodes; they are one cluster when this resolves. */
  static async start(options: FaultWorldOptions): Promise<FaultWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'plexus-cluster-'));
    const secret = newSecret(Buffer.from(randomId(32), 'hex'));
    writeFileSync(join(dir, 'secret'), `${secret}\n`, { mode: 0o600 });
    const nodes: ClusterNode[] = [];
    for (let number = 1; number <= options.nodes; number++) nodes.push(await makeNode(options, dir, number, nodes));
    const world = new FaultWorld(options, dir, secret, nodes);
    try {
      await Promise.all(nodes.map((node) => node.start()));
      world.newLoad();
      await world.converged(START_TIMEOUT_MS);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  /** The node with this number, from 1. */
  node(number: number): ClusterNode {
    return this.nodes[number - 1]!;
  }

  /** Clients and a ledger of their own for the next scenario; those of the last one leave. */
  newLoad(): void {
    this.load?.leave();
    const { publishersPerNode = 2, messagesPerTick = 1, random } = this.#options;
    this.ledger = new Ledger();
    this.load = new ClusterLoad(this.nodes, this.ledger, {
      publishersPerNode,
      messagesPerTick,
      ...(random !== undefined && { random }),
    });
  }

  /** Clients on all nodes, all known to all; from here on there is load. */
  async begin(): Promise<void> {
    this.newLoad();
    for (const node of this.nodes) await this.load.subscribe(node);
    await this.converged(CONVERGED_MS);
    for (const node of this.nodes) await this.load.publish(node);
    this.load.run();
  }

  /**
   * Until all nodes that run know each other and want the same, by their counts and topic by topic.
   * @returns milliseconds @throws with the last difference
   */
  async converged(timeoutMs = CONVERGED_MS): Promise<number> {
    const begin = performance.now();
    let difference: string | null = '';
    await until('equal interest', timeoutMs, async () => {
      difference = await this.difference().catch((error: Error) => error.message);
      if (difference !== null) await sleep(POLL_MS);
      return difference === null;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${difference}`);
    });
    this.ledger.allReady();
    return performance.now() - begin;
  }

  /** The same while there is load: what clients change all the time is not compared. */
  async linked(timeoutMs = CONVERGED_MS): Promise<number> {
    const begin = performance.now();
    let missing: string | null = '';
    await until('full links', timeoutMs, async () => {
      missing = await this.#unlinked().catch((error: Error) => error.message);
      return missing === null;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${missing}`);
    });
    this.ledger.allReady();
    return performance.now() - begin;
  }

  /**
   * A node comes back, with its clients, and is waited for.
   * @returns milliseconds until it was up, and from then until all knew all
   */
  async comesBack(node: ClusterNode): Promise<{ startMs: number; linkedMs: number }> {
    const begin = performance.now();
    const known = this.ledger.part(node.number, null);
    await node.start();
    const startMs = performance.now() - begin;
    await this.load.subscribe(node);
    await this.load.publish(node);
    const linkedMs = await this.linked();
    known();
    return { startMs, linkedMs };
  }

  /** The last fault is over. @returns everything that is wrong */
  async end(): Promise<string[]> {
    this.load.rest();
    const faults: string[] = [];
    await this.converged().catch((error: Error) => faults.push(error.message));
    faults.push(...(await this.load.finish()));
    if (this.ledger.required === 0) faults.push('nothing was looked at');
    return faults;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.load?.leave();
    await Promise.all(this.nodes.map((node) => node.kill()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** @returns null: there is none */
  async difference(): Promise<string | null> {
    const unlinked = await this.#unlinked();
    if (unlinked !== null) return unlinked;
    const running = this.nodes.filter(({ isRunning }) => isRunning);
    const counts = new Map<string, number>();
    for (const viewer of running) {
      for (const { nodeId, state, filters, self } of await viewer.members()) {
        if (state !== 'up') continue;
        const known = counts.get(nodeId);
        counts.set(nodeId, known ?? filters);
        const about = `node ${this.#numberOf(nodeId)}`;
        if (known !== undefined && known !== filters) {
          return `node ${viewer.number} says that ${self ? 'it' : about} wants ${filters} filters, another says ${known}`;
        }
      }
    }
    for (const [topic, numbers] of this.load.expected()) {
      const expected = numbers
        .map((number) => this.node(number).nodeId)
        .sort()
        .join();
      for (const viewer of running) {
        const found = (await viewer.interestIn(topic)).join();
        if (found !== expected) return `node ${viewer.number} sends ${topic} to [${found}] instead of [${expected}]`;
      }
    }
    return null;
  }

  async #unlinked(): Promise<string | null> {
    const running = this.nodes.filter(({ isRunning }) => isRunning);
    const wanted = running
      .map(({ nodeId }) => nodeId)
      .sort()
      .join();
    for (const viewer of running) {
      const up = (await viewer.members()).filter(({ state, self, link }) => state === 'up' && (self || link === 'up'));
      const seen = up
        .map(({ nodeId }) => nodeId)
        .sort()
        .join();
      if (seen !== wanted) return `node ${viewer.number} sees [${seen}] instead of [${wanted}]`;
      const expected = this.load?.expected().get('load/x/0') ?? [];
      const found = (await viewer.interestIn('load/x/0')).length;
      if (found !== expected.length) return `node ${viewer.number} knows ${found} of ${expected.length} subscribers`;
    }
    return null;
  }

  #numberOf(nodeId: string): number {
    return this.nodes.find((node) => node.isRunning && node.nodeId === nodeId)?.number ?? 0;
  }
}

async function makeNode(
  { lab = null, args }: FaultWorldOptions,
  dir: string,
  number: number,
  others: readonly ClusterNode[],
): Promise<ClusterNode> {
  const dataDir = join(dir, `${number}`);
  mkdirSync(dataDir, { mode: 0o700 });
  const host = lab?.clientHost(number) ?? '127.0.0.1';
  const peerHost = (of: number): string => lab?.peerHost(of) ?? '127.0.0.1';
  // Each names those before it: whichever are up are enough.
  const join_ = others.flatMap((other) => ['--join', `${peerHost(other.number)}:${other.ports.peer}`]);
  const common = ['--cluster', CLUSTER, '--cluster-secret-file', join(dir, 'secret'), ...join_];
  const through = lab === null ? {} : { through: lab.through(number) };
  return ClusterNode.create({
    number,
    dataDir,
    host,
    args: (port) => [...common, ...(lab?.args(number, port) ?? ['--host', host]), ...(args?.(number) ?? [])],
    ...through,
  });
}
