import { afterAll, beforeAll, describe, expect } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { anySeed } from '../store/random.ts';
import { FaultWorld } from './fault-world.ts';
import { cutOff, labProblem, NetworkLab } from './network-lab.ts';
import { badNetwork, partition } from './scenarios.ts';

const TIMEOUT_MS = 60_000;
const seed = anySeed();
const problem = labProblem();

describe(`a network that fails, FC_SEED=${seed}`, { timeout: TIMEOUT_MS }, () => {
  let lab: NetworkLab;
  let world: FaultWorld;
  beforeAll(async () => {
    if (problem !== null) return;
    lab = await NetworkLab.open(3, seed);
    world = await FaultWorld.start({ nodes: 3, lab });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });
  const itInLab = (name: string, test: () => Promise<void>): void =>
    itNeeds(`a network of its own (${problem})`, problem === null, name, test);

  itInLab('for a moment costs no message, and gives none twice', async () => {
    expect(await partition({ world, lab, cut: cutOff(3, [1, 2]), ms: 1500 })).toEqual([]);
  });

  itInLab('for long parts the nodes, which know each other again within 5 s of the heal', async () => {
    expect(await partition({ world, lab, cut: cutOff(3, [1, 2]), ms: 5000 })).toEqual([]);
    expect(Math.max(...world.nodes.map((node) => world.load.slowestMs(node)))).toBeLessThan(5000);
  });

  itInLab('in one direction only is a failure for both ends, and for nobody else', async () => {
    expect(await partition({ world, lab, cut: [[1, 2]], ms: 5000 })).toEqual([]);
    expect(world.load.slowestMs(world.node(3))).toBeLessThan(1000);
  });

  itInLab('with 1 % loss and 50 ms of delay works', async () => {
    expect(await badNetwork({ world, lab, ms: 3000 })).toEqual([]);
  });
});
