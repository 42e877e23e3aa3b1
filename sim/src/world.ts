import { Checker, clusterInvariants } from './checker.ts';
import { History } from './history/history.ts';
import type { Invariant, InvariantParts } from './invariants/invariant.ts';
import type { Plant } from './plants.ts';
import type { CreateMessagingNode, MessagingNodeParts } from './ports.ts';
import { Random } from './random.ts';
import { SimNode } from './sim-node.ts';
import { Trace } from './trace.ts';
import { VirtualNetwork } from './virtual-network.ts';
import type { VirtualProcess } from './virtual-process.ts';
import { VirtualTime } from './virtual-time.ts';

/** Of pino: from here on the node itself says that something is wrong with it. */
const ERROR_LEVEL = 50;
/** Nodes that every node is told of; it learns of the others from them. */
const SEEDS = 3;
export const SECRET = 'a secret that is known to every node of the simulation';

export type NodeSettings = Pick<MessagingNodeParts, 'options' | 'cluster' | 'secret' | 'join' | 'mesh'>;

/** Everything that a seed determines: time, machines, the network between them, and what is known of what happens there. */
export class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly trace: Trace;
  readonly history: History;
  readonly checker: Checker;
  readonly network: VirtualNetwork;
  readonly plant: Plant;
  readonly nodes: SimNode[] = [];
  readonly createNode: CreateMessagingNode;
  /** Members of the group as they should be, by id. */
  readonly groupMembers = new Map<string, { group: string; id: string; life: number; nodeId: string }>();

  constructor(
    seed: string,
    nodeCount: number,
    plant: Plant,
    createNode: CreateMessagingNode,
    invariants: (parts: InvariantParts) => readonly Invariant[] = clusterInvariants,
  ) {
    this.random = new Random(seed);
    this.trace = new Trace(this.time);
    this.history = new History(this.time);
    this.plant = plant;
    this.createNode = createNode;
    this.network = new VirtualNetwork(this.time, this.random.fork('network'), this.trace);
    this.network.wrap = this.plant.wrap;
    this.network.onClosed = (a, b) => this.history.disturbances.note(a.peerId, b.peerId);
    const parts = {
      history: this.history,
      running: () => this.nodes.flatMap(({ running }) => running ?? []),
      groupMembers: () => this.#liveGroupMembers(),
    };
    this.checker = new Checker(parts, () => this.time.stop(), invariants);
    for (let i = 0; i < nodeCount; i++) {
      const host = this.network.addHost(`node-${String(i + 1).padStart(3, '0')}`);
      this.nodes.push(new SimNode(this, host));
    }
  }

  /** What a life of a node has that depends on the world. */
  settingsFor(node: SimNode, _process: VirtualProcess): NodeSettings {
    const join = this.nodes.slice(0, SEEDS).flatMap(({ host }) => (host === node.host ? [] : [host.address]));
    return { options: {}, cluster: 'sim', secret: SECRET, join, mesh: null };
  }

  /** A node runs no more. */
  ended(_node: SimNode): void {}

  /** What would have ended a real process. */
  fault(nodeId: string, error: unknown): void {
    this.checker.violated('no node fails', `${nodeId}: ${error instanceof Error ? error.stack : String(error)}`);
  }

  log(nodeId: string, line: string): void {
    // The time in it is the machine's.
    const { level, msg, time: _time, ...details } = JSON.parse(line) as { level: number; msg: string; time: unknown };
    this.trace.note(nodeId, `${msg} ${JSON.stringify(details)}`);
    if (level >= ERROR_LEVEL) this.checker.violated('no node reports an error', `${nodeId}: ${line}`);
  }

  #liveGroupMembers(): string[] {
    const lives = new Set(this.nodes.flatMap(({ running }) => running?.life.number ?? []));
    const live = [...this.groupMembers.values()].filter(({ life }) => lives.has(life));
    return live.map(({ id, nodeId }) => `${id} ${nodeId}`);
  }
}
