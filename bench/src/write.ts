import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Machine } from './machine.ts';
import type { Results } from './results.ts';

const root = join(import.meta.dirname, '../..');

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

/** Which of the page's tables: the marker around it. */
export type Table = 'bench' | 'store' | 'cluster' | 'mesh';

export function replaceTable(text: string, table: string, machine: Machine, what: Table = 'bench'): string {
  const [first, last] = [`<!-- ${what}:start -->`, `<!-- ${what}:end -->`];
  const start = text.indexOf(first);
  const end = text.indexOf(last);
  if (start < 0 || end < start) throw new Error(`docs/performance.md lacks ${first} or ${last}`);
  const { date, cores, processor, kernel, node } = machine;
  const where = `Measured ${date.slice(0, 10)} on ${cores} cores (${processor}), Linux ${kernel}, Node ${node}.`;
  return `${text.slice(0, start)}${first}\n\n${where}\n\n${table}\n${text.slice(end)}`;
}
