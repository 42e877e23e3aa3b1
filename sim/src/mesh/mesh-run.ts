import type { Violation } from '../checker.ts';
import type { Invariant, InvariantParts } from '../invariants/invariant.ts';
import type { CreateMessagingNode } from '../ports.ts';
import { Churn } from './churn.ts';
import { type MeshFigures, MeshMeasures, Watch } from './measures.ts';
import { clientInvariants, Found, KeptByLinks, meshInvariants } from './mesh-invariants.ts';
import type { MeshPlantName } from './mesh-plants.ts';
import type { MeshScenario } from './mesh-scenario.ts';
import { MeshWorkload } from './mesh-workload.ts';
import { MeshWorld } from './mesh-world.ts';

/** Messages go on for so long once everybody is found. */
const CALM_MS = 20_000;
/** Until nothing is on its way any more. */
const QUIET_MS = 15_000;
/** Clients come a little after the first nodes. */
const CLIENTS_AFTER_MS = 1_000;

export interface MeshRunOptions {
  readonly seed: number;
  readonly scenario: MeshScenario;
  readonly plant: MeshPlantName;
  readonly createNode: CreateMessagingNode;
  /** Hears how far it is, every virtual minute: a thousand nodes take a while. */
  readonly onMinute?: (virtualMs: number) => void;
}

export interface MeshRunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Of everything that happened: the same for the same seed and code. */
  readonly traceHash: string;
  readonly newest: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly churn: number;
  readonly figures: MeshFigures;
  /** Messages that had to come, by why. */
  readonly owed: { readonly found: number; readonly kept: number };
}

/** Plays one mesh from its start to its end, or to the first violation. */
export async function runMesh({ seed, scenario, plant, createNode, onMinute }: MeshRunOptions): Promise<MeshRunResult> {
  const since = { calmMs: Number.POSITIVE_INFINITY };
  let world: MeshWorld | null = null;
  let all: readonly Invariant[] = [];
  const watch = (parts: InvariantParts): readonly Invariant[] => {
    const isAlone = (nodeId: string): boolean => world?.clusters.has(nodeId) === false;
    const checked = scenario.settleMs > 0 ? meshInvariants(parts, isAlone, since) : clientInvariants(parts);
    all = [...checked, new Watch(parts)];
    return all;
  };
  world = new MeshWorld(`mesh ${seed}`, scenario, plant, createNode, watch);
  const measures = new MeshMeasures(world);
  for (const each of all) if (each instanceof Watch) each.measures = measures;
  const churn = new Churn(world);
  if (onMinute !== undefined) everyMinute(world, onMinute);
  try {
    await play(world, measures, churn, since);
  } catch (error) {
    world.fault('world', error);
  }
  const { trace, time, checker } = world;
  return {
    seed,
    violations: checker.violations,
    traceHash: trace.hash,
    newest: trace.newest(),
    virtualMs: time.now,
    events: time.events,
    churn: churn.count,
    figures: measures.end(),
    owed: {
      found: all.find((each) => each instanceof Found)?.owed ?? 0,
      kept: all.find((each) => each instanceof KeptByLinks)?.owed ?? 0,
    },
  };
}

async function play(world: MeshWorld, measures: MeshMeasures, churn: Churn, since: { calmMs: number }): Promise<void> {
  const { time, checker, scenario } = world;
  const { bootMs, warmUpMs, busyMs, settleMs } = scenario;
  const boot = world.random.fork('boot');
  const workload = new MeshWorkload(world);
  const busyUntil = warmUpMs + busyMs;
  const settledAt = busyUntil + settleMs;
  const end = settledAt + (settleMs > 0 ? CALM_MS : 0);
  // The first is there when the others look for it.
  for (const [i, node] of world.nodes.entries()) time.at(i === 0 ? 0 : boot.between(0, bootMs), () => node.start());
  time.at(CLIENTS_AFTER_MS, () => {
    workload.start();
    everySecond(world, measures);
  });
  time.at(warmUpMs, () => {
    measures.begin();
    churn.start();
  });
  time.at(busyUntil, () => {
    workload.stopChanging();
    if (settleMs > 0) churn.stop();
  });
  time.at(settledAt, () => {
    if (settleMs > 0) since.calmMs = settledAt;
  });
  time.at(end, () => workload.stopPublishing());
  await time.runUntil(end + (settleMs > 0 ? QUIET_MS : 0));
  if (checker.violations.length === 0) checker.atEnd();
}

function everySecond(world: MeshWorld, measures: MeshMeasures): void {
  world.time.after(1000, () => {
    world.checker.everySecond();
    measures.everySecond();
    everySecond(world, measures);
  });
}

function everyMinute(world: MeshWorld, tell: (virtualMs: number) => void): void {
  world.time.after(60_000, () => {
    tell(world.time.now);
    everyMinute(world, tell);
  });
}
