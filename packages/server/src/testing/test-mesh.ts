import { NodeRealms } from '../auth/federation/node-realms.ts';
import { RealmAuthority } from '../auth/federation/realm-authority.ts';
import { revocationsDocument, tokenDocument } from '../auth/federation/realm-documents.ts';
import type { RealmFiles } from '../auth/federation/realm-files.ts';
import type { Config } from '../config.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import { Turn } from '../lib/turn.ts';
import { makeMesh } from '../node/meshing.ts';
import { type MemoryDirectory, MemoryDirectoryHub, type MemoryDirectoryOptions } from './memory-directory.ts';
import { MemoryHub } from './memory-network.ts';
import { advanceWorld, settleWorld } from './settle-world.ts';
import { TestNode, type TestWorld } from './test-cluster.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Files of realms, in memory. */
class MemoryRealmFiles implements RealmFiles {
  readonly files = new Map<string, string>();
  looks = (path: string): string | null => this.files.get(path) ?? null;
  read = (path: string): string => {
    const text = this.files.get(path);
    if (text === undefined) throw new Error(`${path} is not there`);
    return text;
  };
  replace = (path: string, content: string): void => void this.files.set(path, content);
}

export interface MeshNodeOptions {
  /** Realms with what the node may do there; default: everything in `default`. */
  readonly realms?: Readonly<
    Record<string, { readonly subscribe?: readonly string[]; readonly publish?: readonly string[] }>
  >;
  /** The node's cluster; nodes of one are linked with each other. Default: none. */
  readonly cluster?: string;
  readonly config?: Partial<Config>;
}

/** A node of the mesh under test, and what is its alone. */
export interface MeshNode extends TestNode {
  readonly files: MemoryRealmFiles;
  readonly directory: MemoryDirectory;
  readonly clusterName: string | null;
}

/** Nodes of a mesh with their real parts, on one virtual clock, an in-memory network and a directory in memory. */
export class TestMesh implements TestWorld {
  readonly clock = new FakeClock();
  readonly hub = new MemoryHub((run) => this.clock.setImmediate(run));
  readonly turn = new Turn((run) => this.clock.setImmediate(run));
  readonly directory: MemoryDirectoryHub;
  readonly nodes: MeshNode[] = [];
  readonly faults: string[] = [];
  readonly authorities = new Map<string, RealmAuthority>();
  /** Of all nodes that were ever there. */
  readonly #clusters = new Map<string, string | null>();
  #seed = 1;

  constructor(directory: Partial<MemoryDirectoryOptions> = {}) {
    this.directory = new MemoryDirectoryHub(this.clock, { delayMs: 10, ...directory }, this.random);
  }

  readonly random = (): number => {
    this.#seed = (this.#seed * 48_271) % 0x7fff_ffff;
    return this.#seed / 0x7fff_ffff;
  };

  static async of(count: number, options: MeshNodeOptions = {}): Promise<TestMesh> {
    const world = new TestMesh();
    for (let i = 0; i < count; i++) await world.add(options);
    return world;
  }

  authority(realm: string): RealmAuthority {
    let authority = this.authorities.get(realm);
    if (authority === undefined) {
      const epochs = { epochMs: 7 * DAY_MS, overlapMs: DAY_MS };
      authority = RealmAuthority.create({ realm, ...epochs }, (bytes) => this.#bytes(bytes), this.clock.wallMs());
      this.authorities.set(realm, authority);
    }
    return authority;
  }

  async add(options: MeshNodeOptions = {}): Promise<MeshNode> {
    const { realms = { default: {} }, cluster = null } = options;
    // One that was killed may return, to the cluster it was in.
    let number = this.nodes.length;
    while (!this.#mayBe(nodeIdOf(number), cluster)) number++;
    const nodeId = nodeIdOf(number);
    this.#clusters.set(nodeId, cluster);
    const files = new MemoryRealmFiles();
    const directory = this.directory.node(nodeId, [`/memory/${nodeId}`]);
    const entries = Object.keys(realms).map((name) => ({
      name,
      authorityKey: this.authority(name).authorityKey,
      tokenFile: `${name}.token`,
      revocationsFile: `${name}.revocations`,
    }));
    for (const [name, rights] of Object.entries(realms)) this.#issue(files, name, nodeId, cluster, rights);
    const config: Partial<Config> = { mesh: true, cluster, ...options.config };
    const node = new TestNode(this, nodeId, this.clock.wallMs() + number, config, (config, peering, log) => {
      const { clock, turn, random } = this;
      const known = new NodeRealms({ realms: entries, directory: 'realms', peerId: nodeId, clock, files, log });
      known.start();
      const { pool, cluster } = peering;
      return makeMesh({ config, nodeId, directory, realms: known, pool, cluster, clock, turn, random, log });
    });
    const added: MeshNode = Object.assign(node, { files, directory, clusterName: cluster });
    this.nodes.push(added);
    await added.start();
    for (const other of this.nodes) {
      if (other === added || cluster === null || other.clusterName !== cluster) continue;
      added.peering.pool.keep('cluster', { peerId: other.nodeId, addresses: [`/memory/${other.nodeId}`] });
    }
    await this.settle();
    return added;
  }

  /** A new token, in the place of the one before. */
  renew(
    node: MeshNode,
    realm: string,
    rights: { subscribe?: readonly string[]; publish?: readonly string[] } = {},
  ): void {
    this.#issue(node.files, realm, node.nodeId, node.clusterName, rights);
  }

  /** Revokes all tokens of a node so far, or nobody's; `at` is told, and tells the others. */
  revoke(realm: string, peerId: string | null, at: MeshNode, maxAgeMs = 30 * DAY_MS): void {
    const list = this.authority(realm).revoke(peerId === null ? null : { peerId }, maxAgeMs, this.clock.wallMs());
    at.files.files.set(`${realm}.revocations`, revocationsDocument(list.bytes));
  }

  /** Until nothing happens any more. Time stands still. */
  settle(): Promise<void> {
    return settleWorld(this);
  }

  advance(ms: number): Promise<void> {
    return advanceWorld(this, ms);
  }

  kill(node: MeshNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.hub.kill(node.nodeId);
    this.directory.leave(node.directory);
    node.kill();
  }

  #mayBe(nodeId: string, cluster: string | null): boolean {
    if (this.nodes.some((node) => node.nodeId === nodeId)) return false;
    return !this.#clusters.has(nodeId) || this.#clusters.get(nodeId) === cluster;
  }

  #bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.random() * 256);
  }

  #issue(
    files: MemoryRealmFiles,
    realm: string,
    peerId: string,
    cluster: string | null,
    { subscribe = ['#'], publish = ['#'] }: { subscribe?: readonly string[]; publish?: readonly string[] },
  ): void {
    const rights = { subscribe, publish };
    const issued = this.authority(realm).issue({ peerId, rights, lifeMs: 7 * DAY_MS, cluster }, this.clock.wallMs());
    files.files.set(`${realm}.token`, tokenDocument({ bytes: issued.token.bytes, secrets: issued.secrets }));
  }
}

const nodeIdOf = (number: number): string => `12D3KooW${BASE58[number % 58]!.repeat(3)}${'m'.repeat(41)}`;
