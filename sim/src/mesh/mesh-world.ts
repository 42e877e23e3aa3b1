import type { Invariant, InvariantParts } from '../invariants/invariant.ts';
import type { CreateMessagingNode, Directory } from '../ports.ts';
import type { SimNode } from '../sim-node.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type NodeSettings, SECRET, World } from '../world.ts';
import { DirectoryModel, type Reach } from './directory-model.ts';
import { clientInvariants } from './mesh-invariants.ts';
import { MESH_PLANTS, type MeshPlantName } from './mesh-plants.ts';
import { type MeshScenario, SITE_WEATHER } from './mesh-scenario.ts';
import { SimRealms } from './sim-realms.ts';

/** Nodes whose addresses everybody has to begin with. */
const BOOTSTRAP = 3;
export const MESH_REALMS = ['default', 'other'] as const;

/** A world whose nodes have nothing in common but the directory; some are clusters of two or three. */
export class MeshWorld extends World {
  readonly scenario: MeshScenario;
  readonly directory: DirectoryModel;
  /** Of the nodes that are in one: its name. */
  readonly clusters = new Map<string, string>();
  readonly #wrapDirectory: (directory: Directory) => Directory;

  constructor(
    seed: string,
    scenario: MeshScenario,
    plant: MeshPlantName,
    createNode: CreateMessagingNode,
    invariants: (parts: InvariantParts) => readonly Invariant[] = clientInvariants,
  ) {
    const planted = MESH_PLANTS[plant]();
    super(seed, scenario.nodes, planted.plant, createNode, invariants);
    this.scenario = scenario;
    this.#wrapDirectory = planted.wrapDirectory;
    this.network.weather = scenario.weather;
    this.directory = new DirectoryModel({
      time: this.time,
      random: this.random.fork('directory'),
      weather: scenario.weather,
      reach: (from, to) => this.#reach(from, to),
      figures: scenario.figures,
    });
    this.#formClusters();
  }

  /** Of a node, without itself. */
  mates(nodeId: string): SimNode[] {
    const cluster = this.clusters.get(nodeId);
    if (cluster === undefined) return [];
    return this.nodes.filter(({ id }) => id !== nodeId && this.clusters.get(id) === cluster);
  }

  override settingsFor(node: SimNode, process: VirtualProcess): NodeSettings {
    const cluster = this.clusters.get(node.id) ?? null;
    const { heartbeatMs, deadMs } = this.scenario;
    const member = this.directory.join({
      peerId: node.id,
      addresses: [node.host.address],
      process,
      bootstrap: this.nodes.slice(0, BOOTSTRAP).map(({ id }) => id),
    });
    return {
      options: { heartbeatIntervalMs: heartbeatMs, peerDeadMs: deadMs, dialTimeoutMs: Math.max(deadMs, 5000) },
      cluster,
      secret: SECRET,
      join: this.mates(node.id).map(({ host }) => host.address),
      mesh: { directory: this.#wrapDirectory(member), realms: new SimRealms(node.id, cluster, MESH_REALMS) },
    };
  }

  override ended(node: SimNode): void {
    this.directory.leave(node.id);
  }

  #reach(from: string, to: string): Reach {
    const [near, far] = [this.network.hosts.get(from)!, this.network.hosts.get(to)!];
    if (!far.powered || this.network.isBlocked(near, far) || this.network.isBlocked(far, near)) return 'silent';
    if (far.process === null) return 'refuses';
    return far.process.state === 'running' ? 'answers' : 'silent';
  }

  #formClusters(): void {
    const random = this.random.fork('clusters');
    const left = random.some(this.nodes, Math.round(this.nodes.length * this.scenario.clusteredShare));
    for (let number = 1; left.length > 1; number++) {
      const members = left.splice(0, left.length === 4 ? 2 : 2 + random.below(2));
      for (const { id } of members) this.clusters.set(id, `site-${number}`);
      for (const a of members) {
        for (const b of members) if (a !== b) this.network.path(a.host, b.host).weather = SITE_WEATHER;
      }
    }
  }
}
