import type { Qos } from '@plexus/protocol';
import { Person } from './person.ts';
import type { Random } from './random.ts';
import { GROUP, type Scenario } from './scenario.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

const REALMS = ['default', 'other'] as const;
const TOPICS = 6;
const CHURNED = 40;
const RETAINED = 8;
const RETAIN_EVERY_MS = 700;
const MOVE_EVERY_MS = 4_000;
const GROUP_EVERY_MS = 2_000;
/** Members of each shared subscription at first. */
const MEMBERS = 4;

/** The clients of a world, and what they do until they are told to be quiet. */
export class Workload {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #places: readonly SimNode[];
  readonly #publishers: Person[] = [];
  readonly #wandering: Person[] = [];
  #changing = true;
  #publishing = true;
  #groupIds = 0;

  constructor(world: World, scenario: Scenario) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = world.random.fork('workload');
    this.#places = world.nodes.slice(0, scenario.nodesWithClients);
  }

  start(): void {
    this.#addWatchers();
    this.#addPublishers();
    this.#addMembers();
    this.#addChanging();
    this.#addRetaining();
    this.#addGroups();
  }

  /** Nobody subscribes, connects elsewhere or joins any more; those who lost their connection come back. */
  stopChanging(): void {
    this.#changing = false;
  }

  stopPublishing(): void {
    this.#publishing = false;
  }

  /** On every node one who hears everything, at both QoS, and stays. */
  #addWatchers(): void {
    for (const node of this.#places) {
      this.#add(`watcher-0-${node.id}`, this.#random.pick(REALMS), node, [['t/+', 0]]);
      this.#add(`watcher-1-${node.id}`, this.#random.pick(REALMS), node, [
        ['t/+', 1],
        ['r/#', 1],
      ]);
    }
  }

  #addPublishers(): void {
    for (const node of this.#places) {
      for (let i = 0; i < this.#scenario.publishersPerNode; i++) {
        const qos: Qos = i % 2 === 0 ? 1 : 0;
        const person = this.#add(`publisher-${i}-${node.id}`, this.#random.pick(REALMS), node, []);
        const random = this.#random.fork(person.id);
        this.#publishers.push(person);
        this.#often(
          this.#scenario.publishEveryMs,
          random,
          () => this.#publishing && this.#publish(person, qos, random),
        );
      }
    }
  }

  /** Often several at once, as they come in one read. */
  #publish(person: Person, qos: Qos, random: Random): void {
    const topic = random.chance(0.9) ? `t/${random.below(TOPICS)}` : `c/${random.below(CHURNED)}`;
    const count = random.chance(0.3) ? 1 + random.below(5) : 1;
    for (let i = 0; i < count; i++) person.publish(topic, qos, false, random.chance(0.05) ? 5_000 : 0);
  }

  #addMembers(): void {
    for (let i = 0; i < MEMBERS; i++) {
      this.#add(`member-1-${i}`, 'default', this.#random.pick(this.#places), [['$share/one/t/+', 1]]);
      this.#add(`member-0-${i}`, 'default', this.#random.pick(this.#places), [['$share/two/t/+', 0]]);
    }
  }

  /** Filters that come and go, and clients that turn up elsewhere under the same id. */
  #addChanging(): void {
    for (const node of this.#places) {
      const person = this.#add(`changing-${node.id}`, this.#random.pick(REALMS), node, []);
      const random = this.#random.fork(person.id);
      this.#often(this.#scenario.churnEveryMs, random, () => this.#changing && change(person, random));
    }
    for (let i = 0; i < 2; i++) {
      const person = this.#add(`wandering-${i}`, 'default', this.#random.pick(this.#places), [['t/1', 1]]);
      const random = this.#random.fork(person.id);
      this.#wandering.push(person);
      this.#often(MOVE_EVERY_MS, random, () => {
        if (this.#changing) person.move(random.pick(this.#places));
      });
    }
  }

  #addRetaining(): void {
    for (const node of this.#random.some(this.#places, 2)) {
      const person = this.#add(`retaining-${node.id}`, 'default', node, []);
      const random = this.#random.fork(person.id);
      this.#often(RETAIN_EVERY_MS, random, () => {
        if (!this.#changing) return;
        const topic = `r/${random.below(RETAINED)}`;
        if (random.chance(0.3)) person.clearRetained(topic);
        else person.publish(topic, 1, true);
      });
    }
  }

  #addGroups(): void {
    const random = this.#random.fork('groups');
    this.#often(GROUP_EVERY_MS, random, () => {
      if (!this.#changing) return;
      const { groupMembers } = this.#world;
      const [key, known] = random.pick([...groupMembers, [null, null] as const]);
      const run = random.pick(this.#places).running;
      if (known !== null) {
        const holder = this.#world.nodes.find(({ running }) => running?.life.number === known.life)?.running;
        holder?.process.input(() => holder.node.leaveGroup(known.group, known.id));
        // One that is stopped leaves when it goes on.
        groupMembers.delete(key);
      } else if (run !== null) {
        const id = `member-${++this.#groupIds}`;
        const { number: life, nodeId } = run.life;
        groupMembers.set(id, { group: GROUP, id, life, nodeId });
        run.process.input(() => run.node.joinGroup(GROUP, id));
      }
    });
  }

  #add(id: string, realm: string, home: SimNode, filters: readonly (readonly [string, Qos])[]): Person {
    const person = new Person(this.#world, id, realm, home);
    for (const [filter, qos] of filters) person.subscribe(filter, qos);
    this.#world.time.after(this.#random.between(0, 500), () => person.connect());
    return person;
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

function change(person: Person, random: Random): void {
  const { filters } = person;
  if (filters.length > 0 && random.chance(0.45)) person.unsubscribe(random.pick(filters));
  else
    person.subscribe(
      random.chance(0.8) ? `c/${random.below(CHURNED)}` : `t/${random.below(TOPICS)}`,
      random.chance(0.5) ? 1 : 0,
    );
}
