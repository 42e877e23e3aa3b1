import type { FakeClock } from '../lib/fake-clock.ts';

const MAX_ROUNDS = 100_000;
const STEP_MS = 50;
/** Rounds that find nothing to do before nothing is to be done: promises resolve in between. */
const QUIET_ROUNDS = 5;

/** Nodes under test, on one virtual clock. */
export interface SteppedWorld {
  readonly clock: FakeClock;
  /** Each does what is due at its connections, and says whether that was anything. */
  readonly nodes: readonly { step(): boolean }[];
  /** Lines that were logged as errors. */
  readonly faults: string[];
}

/** Until nothing happens any more. Time stands still. */
export async function settleWorld({ clock, nodes, faults }: SteppedWorld): Promise<void> {
  for (let quiet = 0, rounds = 0; quiet < QUIET_ROUNDS; rounds++) {
    if (rounds > MAX_ROUNDS) throw new Error('the nodes never settle');
    let busy = false;
    for (const node of nodes) busy = node.step() || busy;
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
    quiet = busy ? 0 : quiet + 1;
    const fault = faults.shift();
    if (fault !== undefined) throw new Error(fault);
  }
}

/** Lets time pass in steps, with what happens in between. */
export async function advanceWorld(world: SteppedWorld, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= STEP_MS) {
    world.clock.advance(Math.min(left, STEP_MS));
    await settleWorld(world);
  }
}
