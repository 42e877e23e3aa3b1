import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Machine } from './machine.ts';
import type { Results } from './results.ts';

const root = join(import.meta.dirname, '../..');
const START = '<!-- bench:start -->';
const END = '<!-- bench:end -->';

/** Writes every sample to bench/results/latest.json. */
export async function writeJson(results: Results, machine: Machine, settings: object): Promise<string> {
  const file = join(root, 'bench/results/latest.json');
  const cells = results.cells.map(({ scenario, peer, samples, failure }) => {
    return { scenario: scenario.name, peer: peer.name, samples, failure };
  });
  const content = { machine, versions: Object.fromEntries(results.versions), settings, cells };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}

/** Replaces what is between the markers in docs/performance.md. */
export async function writeDocs(table: string, machine: Machine): Promise<void> {
  const file = join(root, 'docs/performance.md');
  await writeFile(file, replaceTable(await readFile(file, 'utf8'), table, machine));
}

export function replaceTable(text: string, table: string, machine: Machine): string {
  const start = text.indexOf(START);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new Error(`docs/performance.md lacks ${START} or ${END}`);
  const { date, cores, processor, kernel, node } = machine;
  const where = `Measured ${date.slice(0, 10)} on ${cores} cores (${processor}), Linux ${kernel}, Node ${node}.`;
  return `${text.slice(0, start)}${START}\n\n${where}\n\n${table}\n${text.slice(end)}`;
}
