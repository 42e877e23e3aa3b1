import type { Violation } from './checker.ts';
import { Faults } from './faults.ts';
import { PLANTS, type PlantName } from './plants.ts';
import type { CreateMessagingNode } from './ports.ts';
import { BOOT_MS, CLIENTS_AT_MS, CONVERGE_MS, QUIET_MS, type Scenario } from './scenario.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly plant: PlantName;
  readonly createNode: CreateMessagingNode;
  /** Kinds of faults; null: drawn from the seed. */
  readonly faultKinds?: readonly string[] | null;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Of everything that happened: the same for the same seed and code. */
  readonly traceHash: string;
  readonly newest: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly messages: number;
  readonly receipts: number;
  /** Messages that had to come to a subscriber, by whether something was wrong on their way. */
  readonly promises: { readonly calm: number; readonly troubled: number };
  readonly faults: number;
  readonly bytes: number;
}

/** Plays one world from its start to its end, or to the first violation. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { seed, scenario, plant, createNode, faultKinds = null } = options;
  const world = new World(`seed ${seed}`, scenario.nodes, PLANTS[plant](), createNode);
  const faults = scenario.faultEveryMs === null ? null : new Faults(world, scenario.faultEveryMs, faultKinds);
  try {
    await play(world, scenario, faults);
  } catch (error) {
    world.fault('world', error);
  }
  const { messages } = world.history.ledger;
  return {
    seed,
    violations: world.checker.violations,
    traceHash: world.trace.hash,
    newest: world.trace.newest(),
    virtualMs: world.time.now,
    events: world.time.events,
    messages: messages.length,
    receipts: messages.reduce((sum, { receivedBy }) => sum + receivedBy.size, 0),
    promises: world.checker.promises,
    faults: faults?.count ?? 0,
    bytes: world.network.bytes,
  };
}

async function play(world: World, scenario: Scenario, faults: Faults | null): Promise<void> {
  const { time, checker } = world;
  const boot = world.random.fork('boot');
  const workload = new Workload(world, scenario);
  const healAt = CLIENTS_AT_MS + scenario.busyMs;
  const settledAt = healAt + CONVERGE_MS;
  for (const node of world.nodes) time.at(boot.between(0, BOOT_MS), () => node.start());
  time.at(CLIENTS_AT_MS, () => {
    workload.start();
    faults?.start();
    everySecond(world);
  });
  time.at(healAt, () => {
    workload.stopChanging();
    faults?.heal();
  });
  time.at(settledAt, () => checker.whenSettled());
  time.at(settledAt + QUIET_MS / 4, () => workload.stopPublishing());
  await time.runUntil(settledAt + QUIET_MS);
  if (checker.violations.length === 0) checker.atEnd();
}

function everySecond(world: World): void {
  world.time.after(1000, () => {
    world.checker.everySecond();
    everySecond(world);
  });
}
