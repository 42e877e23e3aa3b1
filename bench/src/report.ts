import { barsOf, checkBar } from './bars.ts';
import type { Peer } from './peers/peer.ts';
import { type Cell, cellExtras, cellValue, type Results } from './results.ts';
import { applies, type Scenario } from './scenarios.ts';

/** The table, as Markdown. */
export function table(results: Results, scenarios: readonly Scenario[], peers: readonly Peer[]): string {
  const names = peers.map(({ name }) => `${name} ${results.versions.get(name) ?? ''}`.trim());
  const rows = [
    ['scenario', ...names, 'bar', 'ratio', 'met?'],
    ['---', ...peers.map(() => '---'), '---', '---', '---'],
  ];
  for (const scenario of scenarios) {
    const outcomes = outcomesOf(results, scenario.name);
    rows.push([
      `${scenario.title} (\`${scenario.name}\`)`,
      ...peers.map((peer) => showCell(results, scenario, peer)),
      outcomes.map(({ bar }) => bar).join('; '),
      outcomes.map(({ reached }) => reached ?? '—').join('; '),
      outcomes.map(({ met }) => (met === null ? '—' : met ? 'yes' : '**no**')).join('; '),
    ]);
  }
  return `${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

/** True when a bar was measured and missed. */
export function missesBar(results: Results, scenarios: readonly Scenario[]): boolean {
  return scenarios.some(({ name }) => outcomesOf(results, name).some(({ met }) => met === false));
}

function outcomesOf(results: Results, scenario: string) {
  return barsOf(scenario).map((bar) => checkBar(bar, (peer) => results.value(scenario, peer)));
}

function showCell(results: Results, scenario: Scenario, peer: Peer): string {
  if (results.versions.get(peer.name) === null) return 'not installed';
  if (!applies(scenario, peer)) return '';
  const cell = results.cell(scenario.name, peer.name);
  return cell === null ? '' : cellText(cell);
}

/** What one cell says, for the table and for the progress lines. */
export function cellText(cell: Cell): string {
  if (cell.failure !== null) return `FAILED: ${cell.failure.replaceAll('|', '/').replaceAll('\n', ' ')}`;
  const value = cellValue(cell);
  if (value === null) return '';
  const { metric } = cell.scenario;
  const values = cell.samples.map((sample) => sample.value);
  const range = values.length > 1 ? ` [${metric.short(Math.min(...values))}–${metric.short(Math.max(...values))}]` : '';
  return `${metric.show(value, cellExtras(cell))}${range}`;
}
