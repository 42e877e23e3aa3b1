import type { Random } from '../store/random.ts';
import { sleep } from '../store/store-process.ts';
import type { ClusterNode } from './cluster-node.ts';
import type { FaultWorld } from './fault-world.ts';
import type { NetworkLab } from './network-lab.ts';

/** Load before the first fault, and between two. */
const BETWEEN_MS = 300;
/** A node that was away for longer is a new member (`peerDeadMs`). */
export const DEAD_MS = 3000;

/** Each scenario begins its own load, and returns everything that was wrong; `tell` hears what happened. */
export interface ScenarioOptions {
  readonly world: FaultWorld;
  readonly tell?: (line: string) => void;
  readonly betweenMs?: number;
}

/** kill -9 and a new start, one node after the other. */
export async function killInTurn({ world, tell, betweenMs = BETWEEN_MS }: ScenarioOptions): Promise<string[]> {
  await world.begin();
  for (const node of world.nodes) {
    await sleep(betweenMs);
    await killAndReturn(world, node, tell);
  }
  await sleep(betweenMs);
  return world.end();
}

async function killAndReturn(world: FaultWorld, node: ClusterNode, tell: ScenarioOptions['tell']): Promise<void> {
  world.load.abandon(node);
  await node.kill();
  const back = await world.comesBack(node);
  tell?.(`node ${node.number} was killed; ${shown(back)}`);
}

/** SIGTERM and a new start, one node after the other. */
export async function restartInTurn({ world, tell, betweenMs = BETWEEN_MS }: ScenarioOptions): Promise<string[]> {
  const faults: string[] = [];
  await world.begin();
  for (const node of world.nodes) {
    await sleep(betweenMs);
    world.load.abandon(node);
    const begin = performance.now();
    const code = await node.stop();
    if (code !== 0) faults.push(`node ${node.number} ended with ${code}: ${node.said}`);
    const stoppedMs = performance.now() - begin;
    const back = await world.comesBack(node);
    tell?.(`node ${node.number} stopped in ${stoppedMs.toFixed()} ms; ${shown(back)}`);
  }
  await sleep(betweenMs);
  return [...faults, ...(await world.end())];
}

/** SIGSTOP, and SIGCONT after a while. */
export async function pause({
  world,
  tell,
  node,
  ms,
  betweenMs = BETWEEN_MS,
}: ScenarioOptions & { node: ClusterNode; ms: number }): Promise<string[]> {
  await world.begin();
  await sleep(betweenMs);
  // One that is away for less than this owes everybody everything all the same.
  const known = ms < DEAD_MS ? (): void => {} : world.ledger.part(node.number, null);
  node.pause();
  await sleep(ms);
  node.goOn();
  const linkedMs = await world.linked();
  known();
  tell?.(`node ${node.number} was paused for ${ms} ms; all linked ${linkedMs.toFixed()} ms later`);
  await sleep(betweenMs);
  return world.end();
}

export interface PartitionOptions extends ScenarioOptions {
  readonly lab: NetworkLab;
  /** From and to. */
  readonly cut: readonly (readonly [number, number])[];
  readonly ms: number;
}

/** The network is cut, and healed. */
export async function partition({
  world,
  lab,
  cut,
  ms,
  tell,
  betweenMs = BETWEEN_MS,
}: PartitionOptions): Promise<string[]> {
  await world.begin();
  await sleep(betweenMs);
  const known = ms < DEAD_MS ? [] : cut.map(([a, b]) => world.ledger.part(a, b));
  await lab.set({ cut });
  await sleep(ms);
  await lab.set({});
  const linkedMs = await world.linked();
  for (const end of known) end();
  tell?.(`cut ${JSON.stringify(cut)} for ${ms} ms; all linked ${linkedMs.toFixed()} ms after the heal`);
  await sleep(betweenMs);
  return world.end();
}

/** Nodes die at random, one at a time or two, and come back. */
export async function randomKills({
  world,
  tell,
  random,
  kills,
  betweenMs = BETWEEN_MS,
}: ScenarioOptions & { random: Random; kills: number }): Promise<string[]> {
  await world.begin();
  for (let i = 0; i < kills; i++) {
    await sleep(random(betweenMs));
    const first = world.nodes[random(world.nodes.length)]!;
    const second = world.nodes[random(world.nodes.length)]!;
    const dying = random(2) === 0 || first === second ? [first] : [first, second];
    const known: (() => void)[] = [];
    for (const node of dying) {
      world.load.abandon(node);
      await node.kill();
      known.push(world.ledger.part(node.number, null));
    }
    await sleep(random(betweenMs));
    for (const node of dying) await node.start();
    for (const node of dying) {
      await world.load.subscribe(node);
      await world.load.publish(node);
    }
    const ms = await world.linked();
    for (const end of known) end();
    tell?.(`killed ${dying.map(({ number }) => number).join(' and ')}; all linked ${ms.toFixed()} ms after the start`);
  }
  await sleep(betweenMs);
  return world.end();
}

/** A bad network between all nodes, for a while. */
export async function badNetwork({
  world,
  lab,
  ms,
  tell,
}: ScenarioOptions & { lab: NetworkLab; ms: number }): Promise<string[]> {
  await lab.set({ delayMs: 50, loss: 0.01 });
  const linkedMs = await world.linked(15_000);
  await world.begin();
  await sleep(ms);
  const faults = await world.end();
  await lab.set({});
  tell?.(`1 % loss and 50 ms delay: linked after ${linkedMs.toFixed()} ms; ${world.ledger.acknowledged} acknowledged`);
  return faults;
}

const shown = ({ startMs, linkedMs }: { startMs: number; linkedMs: number }): string =>
  `started in ${startMs.toFixed()} ms, all linked ${linkedMs.toFixed()} ms later`;
