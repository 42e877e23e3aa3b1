import type { Weather } from './network-path.ts';
import type { Random } from './random.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** A fault that has begun. */
export interface OngoingFault {
  readonly text: string;
  readonly lastsMs: number;
  /** Puts right what was wrong. */
  end(): void;
}

type Inflict = (world: World, random: Random) => OngoingFault | null;

const NOTHING = (): void => {};

/** Faults that come alone; in their order of harm. */
export const FAULT_KINDS: Readonly<Record<string, Inflict>> = {
  /** Something between two nodes forgets their connections. */
  break: (world, random) => {
    const [a, b] = random.some(world.nodes, 2);
    const count = world.network.breakChannels(a!.host, b!.host);
    return { text: `${count} channel ends between ${a!.id} and ${b!.id} break`, lastsMs: 0, end: NOTHING };
  },
  /** Bytes vanish for a while, in one direction or both. */
  block: (world, random) => {
    const [a, b] = random.some(world.nodes, 2);
    const oneWay = random.chance(0.4);
    const end = block(world, [a!], [b!], oneWay);
    return { text: `${a!.id} ${oneWay ? '→' : '↔'} ${b!.id} blocked`, lastsMs: outage(random), end };
  },
  /** One part of the nodes does not reach the other. */
  partition: (world, random) => {
    const one = random.some(world.nodes, 1 + random.below(Math.max(1, world.nodes.length - 1)));
    const other = world.nodes.filter((node) => !one.includes(node));
    const oneWay = random.chance(0.3);
    const end = block(world, one, other, oneWay);
    const names = (nodes: readonly SimNode[]): string => nodes.map(({ id }) => id).join(' ');
    return { text: `${names(one)} ${oneWay ? '→' : '|'} ${names(other)} blocked`, lastsMs: outage(random), end };
  },
  /** A connection takes no more, and neither end is told. */
  starve: (world, random) => {
    const [a, b] = random.some(world.nodes, 2);
    const ends = [...a!.host.ends].filter(({ peerId }) => peerId === b!.id);
    for (const end of ends) end.starve();
    // Noticed after the time of heartbeats.
    const lastsMs = 4_000;
    return { text: `nothing arrives from ${a!.id} at ${b!.id} any more`, lastsMs, end: disturb(world, [a!], [b!]) };
  },
  slow: (world, random) => {
    const [a, b] = random.some(world.nodes, 2);
    const weather: Weather = {
      delayMs: random.between(1, 150),
      jitterMs: random.between(1, 50),
      bytesPerMs: random.between(20, 2000),
    };
    const paths = [world.network.path(a!.host, b!.host), world.network.path(b!.host, a!.host)];
    const before = paths.map((path) => path.weather);
    for (const path of paths) path.weather = weather;
    const calm = disturb(world, [a!], [b!]);
    return {
      text: `${a!.id} ↔ ${b!.id} slow: ${weather.delayMs.toFixed(0)} ms, ${weather.bytesPerMs.toFixed(0)} B/ms`,
      lastsMs: random.between(500, 8_000),
      end: () => {
        paths.forEach((path, i) => {
          path.weather = before[i]!;
        });
        calm();
      },
    };
  },
  /** SIGSTOP */
  suspend: (world, random) => {
    const node = random.pick(world.nodes);
    if (node.running === null || node.running.suspended) return null;
    node.suspend();
    const calm = disturb(world, [node], world.nodes);
    return {
      text: `${node.id} stopped`,
      lastsMs: outage(random),
      end: () => {
        node.resume();
        calm();
      },
    };
  },
  kill: (world, random) => crash(world, random, false),
  powerLoss: (world, random) => crash(world, random, true),
  leave: (world, random) => {
    const node = random.pick(world.nodes);
    if (node.running === null) return null;
    node.leave();
    return restart(world, random, node, 'leaves');
  },
  clock: (world, random) => {
    const node = random.pick(world.nodes);
    const ms = random.chance(0.5) ? random.between(-2_000, 2_000) : random.between(-600_000, 600_000);
    node.clockError.skewMs += ms;
    return { text: `the clock of ${node.id} jumps by ${ms.toFixed(0)} ms`, lastsMs: 0, end: NOTHING };
  },
};

/** Mostly short, sometimes longer than any detector waits. */
function outage(random: Random): number {
  return random.chance(0.5) ? random.between(50, 2_500) : random.between(2_500, 9_000);
}

function crash(world: World, random: Random, silently: boolean): OngoingFault | null {
  const node = random.pick(world.nodes);
  if (node.running === null) return null;
  node.crash(silently);
  return restart(world, random, node, silently ? 'without power' : 'killed');
}

function restart(world: World, random: Random, node: SimNode, text: string): OngoingFault {
  const calm = disturb(world, [node], world.nodes);
  return {
    text: `${node.id} ${text}`,
    lastsMs: random.chance(0.4) ? random.between(10, 300) : random.between(300, 6_000),
    end: () => {
      // One that is still leaving is ended by it.
      if (node.running !== null) node.crash(false);
      node.start();
      calm();
    },
  };
}

function block(world: World, from: readonly SimNode[], to: readonly SimNode[], oneWay: boolean): () => void {
  const pairs = from.flatMap((a) => to.map((b) => [a, b] as const));
  const paths = pairs.flatMap(([a, b]) => {
    const there = world.network.path(a.host, b.host);
    return oneWay ? [there] : [there, world.network.path(b.host, a.host)];
  });
  for (const path of paths) path.block();
  const calm = disturb(world, from, to);
  return () => {
    for (const path of paths) path.unblock();
    calm();
  };
}

/** Tells the history that nothing is promised between these nodes for a while. @returns how to say that it is over */
function disturb(world: World, from: readonly SimNode[], to: readonly SimNode[]): () => void {
  const ends = from.flatMap((a) => to.flatMap((b) => (a === b ? [] : [world.history.disturbances.begin(a.id, b.id)])));
  return () => {
    for (const end of ends) end();
  };
}
