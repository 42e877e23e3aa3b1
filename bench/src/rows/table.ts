import { median, type Numbers } from './job.ts';
import type { Measurement, Row } from './row.ts';

/** One row and what was measured of it: a sample per round. */
export interface Outcome<M extends Measurement = Measurement> {
  readonly row: Row<M>;
  readonly ours: Numbers[];
  readonly other: Numbers[];
  /** Why there are no more samples. */
  failure: string | null;
}

/** The table, as Markdown. */
export function rowsTable(outcomes: readonly Outcome[]): string {
  const lines = [
    ['row', 'Plexus', 'beside it', 'bar', 'met?'],
    ['---', '---', '---', '---', '---'],
  ];
  for (const { row, ours, other, failure } of outcomes) {
    const own = medians(ours);
    const beside = row.other === undefined ? '' : `${row.other[0]}: ${show(row.other[1], other)}`;
    const measured = failure === null && own !== null;
    const met = row.bars.map((bar) => (measured && bar.met(own, medians(other)) ? 'yes' : '**no**'));
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

/** Of each number by itself. */
function medians(samples: readonly Numbers[]): Numbers | null {
  const [first] = samples;
  if (first === undefined) return null;
  return Object.fromEntries(Object.keys(first).map((key) => [key, median(samples.map((numbers) => numbers[key]!))]));
}

/** Two digits at least. */
function short(value: number): string {
  return Math.abs(value) >= 99.5 ? Math.round(value).toLocaleString('en') : value.toPrecision(2);
}

function show(measurement: Measurement, samples: readonly Numbers[]): string {
  const numbers = medians(samples);
  if (numbers === null) return '';
  const form = (value: number): string => {
    if (measurement.unit === '/s') return `${Math.round(value).toLocaleString('en')}`;
    return short(value);
  };
  const values = samples.map((each) => each[measurement.value]!);
  const range = values.length > 1 ? ` [${form(Math.min(...values))}–${form(Math.max(...values))}]` : '';
  const unit = measurement.unit === '/s' ? '/s' : ` ${measurement.unit}`;
  const more = measurement.value !== 'p99Ms' && numbers.p99Ms !== undefined ? `, p99 ${short(numbers.p99Ms)} ms` : '';
  return `${form(numbers[measurement.value]!)}${unit}${more}${range}`;
}
