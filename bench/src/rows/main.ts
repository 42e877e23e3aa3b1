import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Machine, machine } from '../machine.ts';
import { replaceTable, type Table } from '../write.ts';
import type { Numbers } from './job.ts';
import type { Measurement, Row } from './row.ts';
import { type Outcome, rowsTable } from './table.ts';

const root = join(import.meta.dirname, '../../..');

export const progress = (text: string): void => void process.stderr.write(`${text}\n`);

export interface RowsBench<M extends Measurement> {
  /** The marker in docs/performance.md, and the name of the file with all samples. */
  readonly table: Table;
  readonly rows: readonly Row<M>[];
  /** Before the first round, with the rows that were asked for. */
  prepare?(rows: readonly Row<M>[]): void;
  measure(measurement: M, measureMs: number): Promise<Numbers>;
}

/** Measures rows in rounds and prints their table. @returns the exit code: 1 if Plexus failed at something */
export async function benchRows<M extends Measurement>(bench: RowsBench<M>, args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      'measure-ms': { type: 'string' },
      quick: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  const how = { measureMs: Number(values['measure-ms'] ?? (values.quick ? 1000 : 4000)), isQuick: values.quick };
  const wanted = pick(bench.rows, values.only);
  bench.prepare?.(wanted);
  const facts = machine();
  const outcomes = wanted.map((row): Outcome<M> => ({ row, ours: [], other: [], failure: null }));
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`);
    for (const outcome of outcomes) if (outcome.failure === null) await sample(bench, outcome, how);
  }
  const text = rowsTable(outcomes);
  process.stdout.write(`\n${text}`);
  await writeResults(bench.table, outcomes, facts);
  if (values['write-docs']) await writeDocs(bench.table, text, facts);
  return outcomes.some(({ failure }) => failure !== null) ? 1 : 0;
}

/** @throws for the name of no row */
function pick<M extends Measurement>(rows: readonly Row<M>[], only: string | undefined): readonly Row<M>[] {
  const names = only?.split(',') ?? rows.map(({ name }) => name);
  const unknown = names.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) throw new Error(`no row ${unknown}; there are ${rows.map(({ name }) => name).join(', ')}`);
  return rows.filter(({ name }) => names.includes(name));
}

async function sample<M extends Measurement>(
  bench: RowsBench<M>,
  outcome: Outcome<M>,
  { measureMs, isQuick }: { readonly measureMs: number; readonly isQuick: boolean },
): Promise<void> {
  const { row } = outcome;
  const measure = (wanted: M): Promise<Numbers> =>
    bench.measure(isQuick ? { ...wanted, parameters: { ...wanted.parameters, ...wanted.quick } } : wanted, measureMs);
  try {
    const ours = await measure(row.ours);
    outcome.ours.push(ours);
    progress(`${row.name}: ${JSON.stringify(ours)}`);
    if (row.other === undefined) return;
    const other = await measure(row.other[1]);
    outcome.other.push(other);
    progress(`${row.name} (${row.other[0]}): ${JSON.stringify(other)}`);
  } catch (error) {
    outcome.failure = error instanceof Error ? error.message : String(error);
    progress(`${row.name}: ${outcome.failure}`);
  }
}

async function writeResults(table: Table, outcomes: readonly Outcome[], facts: Machine): Promise<void> {
  const file = join(root, `bench/results/${table}.json`);
  const content = { machine: facts, rows: outcomes.map(({ row, ...rest }) => ({ row: row.name, ...rest })) };
  await mkdir(join(root, 'bench/results'), { recursive: true });
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
  progress(`written: ${file}`);
}

async function writeDocs(table: Table, text: string, facts: Machine): Promise<void> {
  const page = join(root, 'docs/performance.md');
  await writeFile(page, replaceTable(await readFile(page, 'utf8'), text, facts, table));
}
