import { afterAll, beforeAll, expect, it } from 'vitest';
import { FaultWorld } from './fault-world.ts';
import { killInTurn, pause, restartInTurn } from './scenarios.ts';

const TIMEOUT_MS = 60_000;

let world: FaultWorld;
beforeAll(async () => {
  world = await FaultWorld.start({ nodes: 3 });
}, TIMEOUT_MS);
afterAll(() => world?.[Symbol.asyncDispose]());

it(
  'nodes that are killed and started in turn lose nothing that was acknowledged, and swap nothing',
  async () => {
    expect(await killInTurn({ world })).toEqual([]);
  },
  TIMEOUT_MS,
);

it(
  'nodes that are restarted in order, in turn, lose nothing either',
  async () => {
    expect(await restartInTurn({ world })).toEqual([]);
  },
  TIMEOUT_MS,
);

it(
  'a node that is paused for less than it takes to be declared down misses nothing, and gets nothing twice',
  async () => {
    expect(await pause({ world, node: world.node(2), ms: 1000 })).toEqual([]);
  },
  TIMEOUT_MS,
);

it(
  'a node that is paused for longer comes back as a new member, and keeps nobody waiting',
  async () => {
    expect(await pause({ world, node: world.node(2), ms: 5000 })).toEqual([]);
    // Answers for it are waited for until it is declared down, and no longer.
    expect(world.load.slowestMs(world.node(1))).toBeLessThan(5000);
  },
  TIMEOUT_MS,
);
