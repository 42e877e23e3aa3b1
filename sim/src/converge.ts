import { Person } from './person.ts';
import { PLANTS } from './plants.ts';
import type { CreateMessagingNode } from './ports.ts';
import { BOOT_MS } from './scenario.ts';
import { World } from './world.ts';

/** Filters that each node has before it meets the others. */
const FILTERS_PER_NODE = 20;
const LOOK_EVERY_MS = 100;
const GIVE_UP_MS = 120_000;
/** What goes over the wires when nothing happens is measured for so long. */
const IDLE_MS = 20_000;

export interface ConvergeResult {
  readonly nodes: number;
  /** Virtual milliseconds from the first start until every node knew every other and all of its filters; null: never. */
  readonly convergedMs: number | null;
  /** Between nodes, until then. */
  readonly bytes: number;
  /** Bytes per second of all nodes together, at rest. */
  readonly idleBytesPerS: number;
  readonly events: number;
}

/** Starts a cluster at once and waits until everybody knows everything. */
export async function converge(seed: number, nodes: number, createNode: CreateMessagingNode): Promise<ConvergeResult> {
  const world = new World(`converge ${seed}`, nodes, PLANTS.none(), createNode);
  const { time } = world;
  const boot = world.random.fork('boot');
  for (const node of world.nodes) {
    time.at(boot.between(0, BOOT_MS), () => node.start());
    const person = new Person(world, `client-${node.id}`, 'default', node);
    for (let i = 0; i < FILTERS_PER_NODE; i++) person.subscribe(`${node.id}/${i}/#`, 1);
    time.at(BOOT_MS, () => person.connect());
  }
  let convergedMs: number | null = null;
  while (convergedMs === null && time.now < GIVE_UP_MS && world.checker.violations.length === 0) {
    await time.runUntil(time.now + LOOK_EVERY_MS);
    if (time.now > BOOT_MS && isConverged(world)) convergedMs = time.now;
  }
  const bytes = world.network.bytes;
  await time.runUntil(time.now + IDLE_MS);
  const idleBytesPerS = Math.round((world.network.bytes - bytes) / (IDLE_MS / 1000));
  return { nodes, convergedMs, bytes, idleBytesPerS, events: time.events };
}

function isConverged({ nodes }: World): boolean {
  const runs = nodes.map(({ running }) => running!);
  return runs.every(({ life, view }) => {
    if (view.peers().length !== nodes.length - 1) return false;
    return runs.every((other) => other.life === life || view.interest(other.life.nodeId).length === FILTERS_PER_NODE);
  });
}
