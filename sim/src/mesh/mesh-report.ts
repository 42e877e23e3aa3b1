import type { MeshFigures } from './measures.ts';
import type { MeshRunResult } from './mesh-run.ts';

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`);
const quantiles = ({ p50, p99 }: { readonly p50: number; readonly p99: number }): string =>
  Number.isNaN(p50) ? '–' : `${p50.toFixed(0)} / ${p99.toFixed(0)} ms`;
const perSecond = (bytes: number): string => `${bytes.toFixed(0)} B/s`;

const COLUMNS: readonly (readonly [string, (figures: MeshFigures) => string])[] = [
  ['nodes', ({ nodes }) => String(nodes)],
  ['messages', ({ messages }) => String(messages)],
  ['delivered', ({ delivered, expected }) => percent(delivered, expected)],
  ['between nodes up for 60 s', (all) => percent(all.deliveredOfSettled, all.expectedOfSettled)],
  ['first message p50 / p99', ({ firstMs }) => quantiles(firstMs)],
  ['later p50 / p99', ({ laterMs }) => quantiles(laterMs)],
  ['lookups per publish', ({ findsPerPublish }) => findsPerPublish.toFixed(2)],
  [
    'lookups, advertisements per node and minute',
    (all) => `${all.findsPerNodeMinute.toFixed(1)}, ${all.providesPerNodeMinute.toFixed(1)}`,
  ],
  ['requests, hops per walk', ({ requestsPerWalk, hops }) => `${requestsPerWalk.toFixed(1)}, ${hops.toFixed(1)}`],
  ['links per node: mean, most', ({ linksPerNode, mostLinks }) => `${linksPerNode.toFixed(1)}, ${mostLinks}`],
  ['links', ({ linkBytesPerNode }) => perSecond(linkBytesPerNode)],
  ['directory', ({ directoryBytesPerNode }) => perSecond(directoryBytesPerNode)],
];

/** One row for each size, as docs/performance.md has it. Bytes are what a node sends. */
export function table(results: readonly MeshRunResult[]): string {
  const rows = [
    COLUMNS.map(([name]) => name),
    COLUMNS.map(() => '---'),
    ...results.map(({ figures }) => COLUMNS.map(([, text]) => text(figures))),
  ];
  return rows.map((row) => `| ${row.join(' | ')} |\n`).join('');
}

/** One line of a mesh that went well or not. */
export function meshSummary({
  seed,
  violations,
  virtualMs,
  events,
  churn,
  owed,
  figures,
  traceHash,
}: MeshRunResult): string {
  return (
    `seed ${seed}: ${violations.length === 0 ? 'ok' : 'FAILED'}, ${figures.nodes} nodes, ${(virtualMs / 1000).toFixed(0)} s virtual,` +
    ` ${events} events, ${churn} nodes gone, ${figures.delivered} of ${figures.expected} delivered, owed ${owed.found} and ${owed.kept},` +
    ` trace ${traceHash}`
  );
}
