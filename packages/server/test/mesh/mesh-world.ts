import { randomBytes, scryptSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RealmRights } from '../../src/auth/federation/federated-realm.ts';
import { RealmAuthority } from '../../src/auth/federation/realm-authority.ts';
import { revocationsDocument, tokenDocument } from '../../src/auth/federation/realm-documents.ts';
import { NEW_SECRET_BYTES, newSecret } from '../../src/cluster/secret.ts';
import { loadIdentity } from '../../src/peer/identity.ts';
import { freePort } from '../cluster/cluster-node.ts';
import { until } from '../store/store-process.ts';
import { HostProcess } from './host-process.ts';
import { MeshNode, PASSWORD } from './mesh-node.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** Two cores may have to do everything at once here: nothing is given up because of it. */
const PATIENT = { lookupTimeoutMs: 15_000, meshPendingMs: 30_000, dialTimeoutMs: 15_000, peerDeadMs: 6000 };
export const WAIT_MS = 60_000;

export interface MeshNodeOptions {
  /** Realms with what the node may do there; null: federated, without a token. Default: everything in `default`. */
  readonly realms?: Readonly<Record<string, Partial<RealmRights> | null>>;
  /** Nodes of the same one find each other. Default: none. */
  readonly cluster?: string;
  /** Whether it gets a process of its own, and is killed with `kill -9`. */
  readonly isAlone?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface MeshWorldOptions {
  /** Processes for the nodes that are not alone in one. */
  readonly hosts?: number;
}

/** A mesh of real nodes on loopback, in several processes, with their realms. */
export class MeshWorld implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'plexus-mesh-'));
  readonly nodes: MeshNode[] = [];
  /** Where nodes that start join: the first, unless a test says otherwise. */
  bootstrap: readonly MeshNode[] = [];
  readonly #authorities = new Map<string, RealmAuthority>();
  readonly hosts: readonly HostProcess[];
  #next = 0;

  constructor({ hosts = 1 }: MeshWorldOptions = {}) {
    this.hosts = Array.from({ length: hosts }, () => new HostProcess());
    for (const host of this.hosts) {
      host.onSaid = ({ node, line }) => this.nodes[node - 1]?.said.push(line);
    }
  }

  authority(realm: string): RealmAuthority {
    let authority = this.#authorities.get(realm);
    if (authority === undefined) {
      authority = RealmAuthority.create({ realm, epochMs: 30 * DAY_MS, overlapMs: DAY_MS }, randomBytes, Date.now());
      this.#authorities.set(realm, authority);
    }
    return authority;
  }

  /** Not started yet. */
  async add(options: MeshNodeOptions = {}): Promise<MeshNode> {
    const { realms = { default: {} }, cluster = null, isAlone = false, config = {} } = options;
    const number = this.nodes.length + 1;
    const dataDir = join(this.dir, `${number}`);
    mkdirSync(join(dataDir, 'realms'), { recursive: true, mode: 0o700 });
    const { peerId } = loadIdentity(dataDir);
    const peerPort = await freePort();
    const names = Object.keys(realms);
    const users = names.filter((name) => name !== 'default');
    const all = {
      dataDir,
      host: '127.0.0.1',
      mqttPort: 0,
      httpPort: 0,
      peerPort,
      storeThreads: 1,
      mesh: true,
      realms: names.map((name) => ({ name, federated: true, authorityKey: this.authority(name).authorityKey })),
      ...(users.length > 0 && { users: users.map((name) => ({ name, passwordHash: HASH, realm: name })) }),
      allowAnonymous: true,
      ...(cluster !== null && { cluster, clusterSecretFile: this.#secretFile(cluster) }),
      ...PATIENT,
      ...config,
    };
    const host = isAlone ? null : this.hosts[this.#next++ % this.hosts.length]!;
    const node = new MeshNode({ number, nodeId: peerId, dataDir, peerPort, host, cluster, config: all });
    for (const [name, rights] of Object.entries(realms)) if (rights !== null) this.issue(node, name, rights);
    this.nodes.push(node);
    return node;
  }

  async addAll(count: number, options: MeshNodeOptions = {}): Promise<MeshNode[]> {
    const added: MeshNode[] = [];
    for (let i = 0; i < count; i++) added.push(await this.add(options));
    return added;
  }

  /** A new token, in the place of the one before. @param of whom it says it is for, if not the node */
  issue(node: MeshNode, realm: string, rights: Partial<RealmRights> = {}, lifeMs = HOUR_MS, of = node): void {
    const { subscribe = ['#'], publish = ['#'] } = rights;
    const request = { peerId: of.nodeId, rights: { subscribe, publish }, lifeMs, cluster: of.cluster };
    const { token, secrets } = this.authority(realm).issue(request, Date.now());
    const path = join(node.dataDir, 'realms', `${realm}.token`);
    writeFileSync(path, tokenDocument({ bytes: token.bytes, secrets }), { mode: 0o600 });
  }

  /** What has been revoked so far, and all tokens of this node, as a file. */
  revoke(realm: string, { nodeId }: MeshNode): string {
    return revocationsDocument(this.authority(realm).revoke({ peerId: nodeId }, DAY_MS, Date.now()).bytes);
  }

  async start(...nodes: readonly MeshNode[]): Promise<void> {
    const starting = nodes.length > 0 ? nodes : this.nodes.filter(({ isRunning }) => !isRunning);
    if (this.bootstrap.length === 0) this.bootstrap = [starting[0]!];
    await Promise.all(
      starting.map((node) => {
        const others = this.nodes.filter((other) => node.cluster !== null && other.cluster === node.cluster);
        const notSelf = (each: MeshNode): boolean => each !== node;
        const addresses = (of: readonly MeshNode[]): string[] => of.filter(notSelf).map(({ address }) => address);
        return node.start(addresses(this.bootstrap), addresses(others));
      }),
    );
  }

  /** Until members of each cluster are linked with each other. */
  async clustersFormed(): Promise<void> {
    for (const node of this.nodes) {
      if (!node.isRunning || node.cluster === null) continue;
      const others = this.nodes.filter((other) => other !== node && other.cluster === node.cluster && other.isRunning);
      await until(`the cluster of node ${node.number}`, WAIT_MS, async () => {
        const links = await node.links('cluster');
        return others.every(({ nodeId }) => links.some((link) => link.peerId === nodeId && link.state === 'up'));
      });
    }
  }

  /** Until the directory has everything that is wanted and published now. */
  async advertised(): Promise<void> {
    for (const node of this.nodes) {
      if (!node.isRunning) continue;
      let open = '';
      await until(`what node ${node.number} advertises`, WAIT_MS, async () => {
        const { advertisements } = await node.get<{ advertisements: Record<string, number> }>('/api/v1/mesh');
        open = JSON.stringify(advertisements);
        return (advertisements.waiting ?? 0) + (advertisements.advertising ?? 0) + (advertisements.failed ?? 0) === 0;
      }).catch((error: Error) => {
        throw new Error(`${error.message}: ${open}`);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill().catch(() => {})));
    await Promise.all(this.hosts.map((host) => host.kill()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  #secretFile(cluster: string): string {
    const path = join(this.dir, `${cluster}.secret`);
    try {
      writeFileSync(path, `${newSecret(randomBytes(NEW_SECRET_BYTES))}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return path;
  }
}

/** As `plexus passwd` makes them, but quick. */
const HASH = ((): string => {
  const salt = randomBytes(16);
  const hash = scryptSync(PASSWORD, salt, 32, { N: 2, r: 1, p: 1 });
  return `scrypt$2$1$1$${salt.toString('base64url')}$${hash.toString('base64url')}`;
})();
