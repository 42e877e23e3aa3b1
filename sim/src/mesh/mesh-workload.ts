import type { Qos } from '@plexus/protocol';
import { Person } from '../person.ts';
import type { Random } from '../random.ts';
import type { SimNode } from '../sim-node.ts';
import { MESH_REALMS, type MeshWorld } from './mesh-world.ts';
import { Zipf } from './zipf.ts';

/** Clients connect within this time. */
const CONNECT_MS = 2000;

/** The clients of a mesh: a subscriber on every node, publishers on some. */
export class MeshWorkload {
  readonly #world: MeshWorld;
  readonly #random: Random;
  readonly #zipf: Zipf;
  #changing = true;
  #publishing = true;

  constructor(world: MeshWorld) {
    this.#world = world;
    this.#random = world.random.fork('workload');
    this.#zipf = new Zipf(world.scenario.topics, world.scenario.exponent);
  }

  start(): void {
    const { nodes, scenario } = this.#world;
    for (const node of nodes) this.#addSubscriber(node);
    const publishers = this.#random.some(nodes, Math.max(2, Math.round(nodes.length * scenario.publisherShare)));
    for (const node of publishers) this.#addPublisher(node);
  }

  /** Nobody subscribes anew any more. */
  stopChanging(): void {
    this.#changing = false;
  }

  stopPublishing(): void {
    this.#publishing = false;
  }

  #addSubscriber(node: SimNode): void {
    const { filtersPerNode, resubscribeMs } = this.#world.scenario;
    const person = this.#person(`subscriber-${node.id}`, node);
    const random = this.#random.fork(person.id);
    while (person.filters.length < filtersPerNode) person.subscribe(this.#filter(random), qosOf(random));
    this.#often(resubscribeMs, random, () => {
      if (!this.#changing) return;
      // A filter that is there may be drawn again: it stays then.
      if (person.filters.length >= filtersPerNode) person.unsubscribe(random.pick(person.filters));
      person.subscribe(this.#filter(random), qosOf(random));
    });
  }

  #addPublisher(node: SimNode): void {
    const { topicsPerPublisher, publishEveryMs } = this.#world.scenario;
    const person = this.#person(`publisher-${node.id}`, node);
    const random = this.#random.fork(person.id);
    const topics = new Set<string>();
    while (topics.size < topicsPerPublisher) topics.add(this.#topic(this.#zipf.draw(random)));
    for (const topic of topics) {
      const qos = qosOf(random);
      this.#often(publishEveryMs, random, () => {
        if (this.#publishing) person.publish(topic, qos);
      });
    }
  }

  #person(id: string, node: SimNode): Person {
    const realm = MESH_REALMS[this.#random.chance(this.#world.scenario.otherRealmShare) ? 1 : 0];
    const person = new Person(this.#world, id, realm, node);
    this.#world.time.after(this.#random.between(0, CONNECT_MS), () => person.connect());
    return person;
  }

  #topic(rank: number): string {
    return `t/${rank % this.#world.scenario.areas}/${rank}`;
  }

  #filter(random: Random): string {
    const { wildcardShare, everythingShare, areas } = this.#world.scenario;
    const rank = this.#zipf.draw(random);
    if (!random.chance(wildcardShare)) return this.#topic(rank);
    if (random.chance(everythingShare)) return random.pick(['#', 't/#', '+/+/+']);
    return random.pick([`t/${rank % areas}/#`, `t/${rank % areas}/+`, `t/+/${rank}`]);
  }

  #often(meanMs: number, random: Random, fn: () => void): void {
    const next = (): void => {
      this.#world.time.after(random.around(meanMs), () => {
        fn();
        next();
      });
    };
    next();
  }
}

const qosOf = (random: Random): Qos => (random.chance(0.5) ? 1 : 0);
