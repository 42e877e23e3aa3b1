/** `npm run bench`: the same load on Plexus and on the systems people know, side by side. */
import { machine } from './machine.ts';
import { help, type Options, readOptions } from './options.ts';
import { killAll } from './peers/processes.ts';
import { cellText, missesBar, table } from './report.ts';
import { type Cell, Results } from './results.ts';
import { runOnce } from './runs.ts';
import { applies } from './scenarios.ts';
import { writeDocs, writeJson } from './write.ts';

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

async function measure(options: Options): Promise<Results> {
  const versions = new Map<string, string | null>();
  for (const peer of options.peers) versions.set(peer.name, await peer.version());
  const installed = options.peers.filter((peer) => versions.get(peer.name) !== null);
  const cells = options.scenarios.flatMap((scenario) =>
    installed
      .filter((peer) => applies(scenario, peer))
      .map((peer): Cell => ({ scenario, peer, samples: [], failure: null, incorrect: false })),
  );
  if (options.check) for (const cell of cells) await checkCell(cell, options);
  for (let round = 1; round <= options.rounds; round++) {
    progress(`round ${round} of ${options.rounds}`);
    await sampleRound(cells, options);
  }
  return new Results(cells, versions);
}

/** Every system once in every scenario; then again those scenarios that want more samples. */
async function sampleRound(cells: readonly Cell[], options: Options): Promise<void> {
  const wanted = ({ scenario }: Cell): number => scenario.samplesPerRound ?? 1;
  const most = Math.max(...cells.map(wanted));
  for (let turn = 0; turn < most; turn++) {
    for (const cell of cells) if (turn < wanted(cell) && cell.failure === null) await sampleCell(cell, options);
  }
}

async function checkCell(cell: Cell, { timing }: Options): Promise<void> {
  const { checks, name, tuning } = cell.scenario;
  if (checks.length === 0 || !cell.peer.isBroker) return;
  await guarded(cell, async () => {
    for (const check of checks) await runOnce(cell.peer, tuning, check, timing);
  });
  cell.incorrect = cell.failure !== null;
  progress(`check ${name} ${cell.peer.name}: ${cell.failure ?? 'each once, in order'}`);
}

async function sampleCell(cell: Cell, { timing }: Options): Promise<void> {
  const { metric, name, plans, tuning } = cell.scenario;
  await guarded(cell, async () => {
    const results = [];
    for (const plan of plans) results.push(await runOnce(cell.peer, tuning, plan, timing));
    const sample = { value: metric.value(results), extras: metric.extras(results) };
    cell.samples.push(sample);
    progress(`${name} ${cell.peer.name}: ${cellText({ ...cell, samples: [sample] })}`);
  });
  if (cell.failure !== null) progress(`${name} ${cell.peer.name}: ${cell.failure}`);
}

async function guarded(cell: Cell, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    cell.failure = error instanceof Error ? error.message : String(error);
  }
}

async function main(): Promise<number> {
  const [what, ...rest] = process.argv.slice(2);
  if (what === '--store') return (await import('./store/main.ts')).storeBench(rest);
  if (what === '--cluster') return (await import('./cluster/main.ts')).clusterBench(rest);
  if (what === '--mesh') return (await import('./mesh/main.ts')).meshBench(rest);
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  if (options.micro) {
    await import('./micro/main.ts');
    return 0;
  }
  const facts = machine();
  const results = await measure(options);
  const text = table(results, options.scenarios, options.peers);
  process.stdout.write(`\n${text}`);
  const { rounds, timing } = options;
  progress(`written: ${await writeJson(results, facts, { rounds, ...timing })}`);
  if (options.writeDocs) await writeDocs(text, facts);
  // A system that cannot do what is asked of it is a result; Plexus must.
  const failed = results.cells.some((cell) => cell.incorrect || (cell.failure !== null && cell.peer.name === 'plexus'));
  return failed || (options.strict && missesBar(results, options.scenarios)) ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
process.on('exit', killAll);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}
