/**
 * Kills, stops, pauses and parts the nodes of a cluster of real processes under load, again and again, and compares after each fault what
 * every client got with what was acknowledged. What is wrong is printed, and ends the run with 1. The network faults need Linux,
 * root and network namespaces; where these are missing, that is said, and counts as a failure with CI=true.
 *
 *     npm run cluster-faults -- [--rounds 10] [--seed N] [--nodes 5]
 */
import { parseArgs } from 'node:util';
import { FaultWorld } from '../packages/server/test/cluster/fault-world.ts';
import { cutOff, labProblem, NetworkLab } from '../packages/server/test/cluster/network-lab.ts';
import {
  badNetwork,
  killInTurn,
  partition,
  pause,
  randomKills,
  restartInTurn,
} from '../packages/server/test/cluster/scenarios.ts';
import { anySeed, randomFrom } from '../packages/server/test/store/random.ts';

const KILLS_PER_ROUND = 4;
const MAX_PAUSE_MS = 7000;
const BAD_NETWORK_MS = 10_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    nodes: { type: 'string', default: '5' },
  },
});
const seed = Number(values.seed ?? anySeed());
const [rounds, count] = [Number(values.rounds), Number(values.nodes)];
const random = randomFrom(seed);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const tell = (line: string): void => say(`  ${line}`);

let failed = 0;
async function scenario(name: string, world: FaultWorld, run: () => Promise<string[]>): Promise<void> {
  say(name);
  const faults = await run();
  const { acknowledged, refused, required } = world.ledger;
  tell(`${acknowledged} acknowledged, ${refused} refused, ${required} deliveries looked at, ${faults.length} faults`);
  for (const fault of faults) process.stderr.write(`  ${fault}\n`);
  failed += faults.length;
}

const problem = labProblem();
if (problem !== null) say(`no network faults: ${problem}`);
say(`seed ${seed}`);
{
  await using lab = problem === null ? await NetworkLab.open(count, seed) : null;
  await using world = await FaultWorld.start({ nodes: count, lab, random });
  const any = () => world.nodes[random(count)]!;
  for (let round = 1; round <= rounds && failed === 0; round++) {
    say(`round ${round} of ${rounds}`);
    await scenario('kill -9 in turn', world, () => killInTurn({ world, tell }));
    await scenario('restart in turn', world, () => restartInTurn({ world, tell }));
    await scenario('pause', world, () => pause({ world, tell, node: any(), ms: random(MAX_PAUSE_MS) }));
    await scenario('random kills', world, () => randomKills({ world, tell, random, kills: KILLS_PER_ROUND }));
    if (lab === null) continue;
    const cutNode = any().number;
    const others = world.nodes.map(({ number }) => number).filter((number) => number !== cutNode);
    const network = { world, lab, tell };
    await scenario('one node cut off', world, () =>
      partition({ ...network, cut: cutOff(cutNode, others), ms: random(MAX_PAUSE_MS) }),
    );
    const [from, to] = [cutNode, others[random(others.length)]!];
    await scenario('one way cut', world, () => partition({ ...network, cut: [[from, to]], ms: random(MAX_PAUSE_MS) }));
    await scenario('loss and delay', world, () => badNetwork({ ...network, ms: BAD_NETWORK_MS }));
  }
}
if (failed > 0) process.stderr.write(`again: npm run cluster-faults -- --seed ${seed} --nodes ${count}\n`);
process.exit(failed > 0 || (problem !== null && process.env.CI === 'true') ? 1 : 0);
