import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoint } from '../generator/connection.ts';
import { Helper } from './calls.ts';
import { MeshView } from './mesh-state.ts';
import { Realm } from './realm.ts';

const root = join(import.meta.dirname, '../../..');
/** Those of the `plexus` command. */
const nodeFlags = (
  /^exec "\$node" (?<flags>--.*) "\$root/mu.exec(readFileSync(join(root, 'plexus'), 'utf8'))?.groups?.flags ?? ''
).split(' ');

/** So many nodes share a process. */
const PER_PROCESS = 10;
/** A node that knows so many others can find everybody. */
const ENOUGH_KNOWN = 8;
const READY_MS = 60_000;

interface NodeInfo {
  readonly nodeId: string;
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly peerAddresses: readonly string[];
}

export interface MeshNode {
  readonly nodeId: string;
  /** Where clients connect. */
  readonly endpoint: Endpoint;
  readonly view: MeshView;
}

export interface NodesStart {
  readonly count: number;
  /** Empty. */
  readonly directory: string;
  readonly perProcess?: number;
  /** What their processes are started through, and where they are reached then. Default: here, on loopback. */
  readonly apart?: { readonly through: readonly string[]; readonly host: string };
}

/** Nodes of one realm that know of each other through the directory alone, several in each process. */
export class MeshNodes implements Disposable {
  readonly all: readonly MeshNode[];
  readonly #helpers: readonly Helper[];

  private constructor(all: readonly MeshNode[], helpers: readonly Helper[]) {
    this.all = all;
    this.#helpers = helpers;
  }

  /** Resolves when each of them knows enough others. */
  static async start({ count, directory, perProcess = PER_PROCESS, apart }: NodesStart): Promise<MeshNodes> {
    const file = join(import.meta.dirname, 'nodes-host.ts');
    const place = { file, nodeFlags, ...(apart !== undefined && { through: apart.through }) };
    const helpers = Array.from({ length: Math.ceil(count / perProcess) }, () => new Helper(place));
    const realm = new Realm(directory);
    const startNode = async (index: number, meshJoin: readonly string[]): Promise<[MeshNode, NodeInfo]> => {
      const { dataDir, config } = realm.admit();
      const elsewhere = apart === undefined ? {} : { host: '0.0.0.0', allowAnonymous: true, mdns: false };
      const ports = { mqttPort: '0', httpPort: '0', peerPort: '0' };
      const flags = { ...ports, ...elsewhere, dataDir, config, mesh: true, reachable: 'yes', meshJoin };
      const info: NodeInfo = await helpers[index % helpers.length]!.call('start', flags);
      const { nodeId, mqttPort, httpPort } = info;
      const endpoint = { port: mqttPort, transport: 'tcp', ...(apart !== undefined && { host: apart.host }) } as const;
      return [{ nodeId, endpoint, view: new MeshView({ httpPort }, apart?.host) }, info];
    };
    const [seed, { peerAddresses }] = await startNode(0, []);
    const all = [seed];
    while (all.length < count) {
      const indices = helpers.keys().map((offset) => all.length + offset);
      const batch = [...indices].filter((index) => index < count);
      const started = await Promise.all(batch.map((index) => startNode(index, [peerAddresses[0]!])));
      all.push(...started.map(([node]) => node));
    }
    const enough = Math.min(count - 1, ENOUGH_KNOWN);
    for (const { view } of all) {
      await view.until('a node that knows others', READY_MS, ({ directoryPeers }) => directoryPeers >= enough);
    }
    return new MeshNodes(all, helpers);
  }

  /** Asks the process of a node. */
  call<T>(index: number, name: string, argument: object): Promise<T> {
    const { port } = this.all[index]!.endpoint;
    return this.#helpers[index % this.#helpers.length]!.call(name, { port, ...argument });
  }

  [Symbol.dispose](): void {
    for (const helper of this.#helpers) helper[Symbol.dispose]();
  }
}
