/** `npm run bench -- --store`: the event store, its bars, and other stores side by side. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Machine, machine } from '../machine.ts';
import { plexus } from '../peers/plexus.ts';
import { track } from '../peers/processes.ts';
import { replaceTable } from '../write.ts';
import { type JobAnswer, type JobRequest, median, type Numbers } from './job.ts';
import { installPeers } from './peer-modules.ts';
import { Places } from './places.ts';
import { type Measurement, rows, type StoreRow } from './rows.ts';

const root = join(import.meta.dirname, '../../..');
/** Of the `plexus` command, for stores in process too. */
const nodeFlags = (
  /^exec "\$node" (?<flags>--.*) "\$root/mu.exec(readFileSync(join(root, 'plexus'), 'utf8'))?.groups?.flags ?? ''
).split(' ');
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

interface Outcome {
  readonly row: StoreRow;
  readonly ours: Numbers[];
  readonly other: Numbers[];
  failure: string | null;
}

async function runJob(request: JobRequest): Promise<Numbers> {
  const child = track(
    fork(join(import.meta.dirname, 'child.ts'), {
      execArgv: nodeFlags,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  const { promise, resolve, reject } = Promise.withResolvers<JobAnswer>();
  child.once('message', (message) => resolve(message as JobAnswer));
  child.once('exit', (code, signal) => reject(new Error(`${request.job} ended (${signal ?? code})`)));
  child.send(request);
  const answer = await promise;
  if ('failure' in answer) throw new Error(answer.failure);
  return answer.numbers;
}

async function measure(measurement: Measurement, places: Places, measureMs: number): Promise<Numbers> {
  const { job, place, parameters, overHttp = false } = measurement;
  const { directory, leave } = await places.enter(place);
  try {
    if (!overHttp) return await runJob({ job, directory, measureMs, parameters });
    const node = await plexus.start(directory, { tuning: 'throughput', transport: 'websocket' });
    try {
      return await runJob({ job, directory, measureMs, parameters: { ...parameters, port: node.port } });
    } finally {
      await node.stop();
    }
  } finally {
    leave();
  }
}

async function sample(outcome: Outcome, places: Places, measureMs: number): Promise<void> {
  const { row } = outcome;
  try {
    const ours = await measure(row.ours, places, measureMs);
    outcome.ours.push(ours);
    progress(`${row.name}: ${JSON.stringify(ours)}`);
    if (row.other === undefined) return;
    const other = await measure(row.other[1], places, measureMs);
    outcome.other.push(other);
    progress(`${row.name} (${row.other[0]}): ${JSON.stringify(other)}`);
  } catch (error) {
    outcome.failure = error instanceof Error ? error.message : String(error);
    progress(`${row.name}: ${outcome.failure}`);
  }
}

/** Of each number by itself. */
function medians(samples: readonly Numbers[]): Numbers | null {
  const [first] = samples;
  if (first === undefined) return null;
  return Object.fromEntries(Object.keys(first).map((key) => [key, median(samples.map((numbers) => numbers[key]!))]));
}

function show(measurement: Measurement, samples: readonly Numbers[]): string {
  const numbers = medians(samples);
  if (numbers === null) return '';
  const form = (value: number): string => {
    if (measurement.unit === '/s') return `${Math.round(value).toLocaleString('en')}`;
    return value.toPrecision(2);
  };
  const values = samples.map((each) => each[measurement.value]!);
  const range = values.length > 1 ? ` [${form(Math.min(...values))}–${form(Math.max(...values))}]` : '';
  const unit = measurement.unit === '/s' ? '/s' : ` ${measurement.unit}`;
  const more =
    measurement.value !== 'p99Ms' && numbers.p99Ms !== undefined ? `, p99 ${numbers.p99Ms.toPrecision(2)} ms` : '';
  return `${form(numbers[measurement.value]!)}${unit}${more}${range}`;
}

function table(outcomes: readonly Outcome[]): string {
  const lines = [
    ['row', 'Plexus', 'beside it', 'bar', 'met?'],
    ['---', '---', '---', '---', '---'],
  ];
  for (const { row, ours, other, failure } of outcomes) {
    const own = medians(ours);
    const beside = row.other === undefined ? '' : `${row.other[0]}: ${show(row.other[1], other)}`;
    const met = row.bars.map((bar) => (own !== null && bar.met(own, medians(other)) ? 'yes' : '**no**'));
    lines.push([
      `${row.title} (\`${row.name}\`)`,
      failure === null ? show(row.ours, ours) : `FAILED: ${failure.split('\n')[0]!.replaceAll('|', '/')}`,
      beside,
      row.bars.map((bar) => bar.text).join('; '),
      met.join('; '),
    ]);
  }
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`;
}

async function writeResults(outcomes: readonly Outcome[], facts: Machine, text: string, docs: boolean): Promise<void> {
  const file = join(root, 'bench/results/store.json');
  const content = { machine: facts, rows: outcomes.map(({ row, ...rest }) => ({ row: row.name, ...rest })) };
  await mkdir(join(root, 'bench/results'), { recursive: true });
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
  progress(`written: ${file}`);
  if (!docs) return;
  const page = join(root, 'docs/performance.md');
  await writeFile(page, replaceTable(await readFile(page, 'utf8'), text, facts, 'store'));
}

/** @returns the exit code: 1 if Plexus failed at something */
export async function storeBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      'measure-ms': { type: 'string', default: '4000' },
      'write-docs': { type: 'boolean', default: false },
    },
  });
  const names = values.only?.split(',') ?? rows.map(({ name }) => name);
  const unknown = names.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) throw new Error(`no row ${unknown}; there are ${rows.map(({ name }) => name).join(', ')}`);
  const measureMs = Number(values['measure-ms']);
  const outcomes = rows
    .filter(({ name }) => names.includes(name))
    .map((row): Outcome => ({ row, ours: [], other: [], failure: null }));
  if (outcomes.some(({ row }) => row.other?.[1].job === 'jetStream' || row.other?.[1].job === 'postgres'))
    installPeers();
  const facts = machine();
  using places = new Places(async (directory, events) => {
    progress(`filling a store with ${events} events`);
    const numbers = await runJob({ job: 'fill', directory, measureMs, parameters: { events } });
    progress(`filled: ${JSON.stringify(numbers)}`);
  });
  for (let round = 1; round <= Number(values.rounds); round++) {
    progress(`round ${round} of ${values.rounds}`);
    for (const outcome of outcomes) if (outcome.failure === null) await sample(outcome, places, measureMs);
  }
  const text = table(outcomes);
  process.stdout.write(`\n${text}`);
  await writeResults(outcomes, facts, text, values['write-docs']);
  return outcomes.some(({ failure }) => failure !== null) ? 1 : 0;
}
