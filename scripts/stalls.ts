/**
 * How long a node keeps its other clients waiting while something costly is done to it. Each scenario has a fresh node in a process of
 * its own, and a witness (a QoS 1 pair that publishes every millisecond) in a thread of its own. Prints a table for
 * docs/reliability.md, and exits 1 when a bar is missed. Arguments: names of scenarios; none is all of them.
 */
import { NodeProcess } from '../packages/server/test/load/node-process.ts';
import { WitnessThread } from '../packages/server/test/load/witness-thread.ts';
import { SCENARIOS } from './stall-scenarios.ts';

const LIMIT_MS = 20;

interface Row {
  name: string;
  result: string;
  loopMs: number;
  witnessMs: number;
  p99Ms: number;
  missed: boolean;
}

async function run(name: string): Promise<Row> {
  const scenario = SCENARIOS[name]!;
  await using node = await NodeProcess.start(scenario.flags ?? {});
  const context = { node, port: node.mqttPort, begin: async () => {} };
  const witness = await WitnessThread.start(node.mqttPort);
  context.begin = async () => {
    // What building up has left behind is not to be seen in what is measured.
    await node.sample();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await witness.reset();
    await node.resetDelay();
  };
  const { result, met } = await scenario.run(context);
  const delay = await node.delay();
  const seen = await witness.stop();
  if (seen.received !== seen.sent || seen.disordered > 0) throw new Error(`${name}: the witness missed messages`);
  const stalled = scenario.mayStall !== true && (delay.maxMs > LIMIT_MS || seen.maxMs > LIMIT_MS);
  return { name, result, loopMs: delay.maxMs, witnessMs: seen.maxMs, p99Ms: seen.p99Ms, missed: stalled || !met };
}

const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(SCENARIOS);
const unknown = names.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  process.stderr.write(`no scenario ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}\n`);
  process.exit(2);
}
process.stdout.write('| scenario | result | event loop late at most, ms | witness at most, ms | witness p99, ms | |\n');
process.stdout.write('|---|---|---|---|---|---|\n');
let missed = 0;
for (const name of names) {
  const row = await run(name);
  const numbers = [row.loopMs, row.witnessMs, row.p99Ms].map((ms) => ms.toFixed(1)).join(' | ');
  process.stdout.write(`| \`${row.name}\` | ${row.result} | ${numbers} | ${row.missed ? 'missed' : 'met'} |\n`);
  if (row.missed) missed++;
}
process.exit(missed > 0 ? 1 : 0);
