import type { Random } from '../random.ts';
import type { SimNode } from '../sim-node.ts';
import type { MeshWorld } from './mesh-world.ts';

/**
 * Nodes live for exponentially distributed times; then they leave, are killed or lose power, and come back after a while. Now and then all connections
 * between two nodes break.
 */
export class Churn {
  /** Nodes that have gone so far. */
  count = 0;
  readonly #world: MeshWorld;
  readonly #random: Random;
  #over = false;

  constructor(world: MeshWorld) {
    this.#world = world;
    this.#random = world.random.fork('churn');
  }

  start(): void {
    const { lifeMs, breakMs } = this.#world.scenario;
    if (breakMs !== null) this.#break(breakMs);
    if (lifeMs === null) return;
    // The first stays: somebody has to be there for the others to come back to.
    for (const node of this.#world.nodes.slice(1)) this.#live(node, lifeMs);
  }

  /** Nobody goes any more; those who are away come back at once. */
  stop(): void {
    this.#over = true;
    for (const node of this.#world.nodes) if (node.running === null) node.start();
    this.#world.trace.note('world', 'all nodes are back');
  }

  #break(everyMs: number): void {
    this.#world.time.after(this.#random.around(everyMs), () => {
      if (this.#over) return;
      const from = this.#random.pick(this.#world.nodes).host;
      const peers = [...from.ends].map(({ peerId }) => peerId);
      if (peers.length > 0)
        this.#world.network.breakChannels(from, this.#world.network.hosts.get(this.#random.pick(peers))!);
      this.#break(everyMs);
    });
  }

  #live(node: SimNode, lifeMs: number): void {
    this.#world.time.after(this.#random.around(lifeMs), () => {
      if (this.#over) return;
      this.count++;
      if (this.#random.chance(0.4)) node.leave();
      else node.crash(this.#random.chance(0.4));
      this.#world.time.after(this.#random.around(this.#world.scenario.awayMs), () => {
        if (this.#over) return;
        // One that is still leaving is ended by it.
        if (node.running !== null) node.crash(false);
        node.start();
        this.#live(node, lifeMs);
      });
    });
  }
}
