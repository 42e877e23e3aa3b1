import type { Peer } from './peers/peer.ts';
import type { Scenario } from './scenarios.ts';

export interface Sample {
  readonly value: number;
  readonly extras: Readonly<Record<string, number>>;
}

/** One scenario on one system. */
export interface Cell {
  readonly scenario: Scenario;
  readonly peer: Peer;
  readonly samples: Sample[];
  /** Why there are no samples, or no more. */
  failure: string | null;
  /** The failure is a message lost, doubled, altered or out of order in the correctness pass. */
  incorrect: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Null without samples or after a failure: half a result is none. */
export function cellValue(cell: Cell): number | null {
  if (cell.failure !== null || cell.samples.length === 0) return null;
  return median(cell.samples.map(({ value }) => value));
}

export function cellExtras(cell: Cell): Record<string, number> {
  const names = Object.keys(cell.samples[0]?.extras ?? {});
  return Object.fromEntries(names.map((name) => [name, median(cell.samples.map(({ extras }) => extras[name]!))]));
}

/** All cells of a benchmark, found by scenario and peer. */
export class Results {
  readonly cells: readonly Cell[];
  /** Version by peer name; null for one that is not installed. */
  readonly versions: ReadonlyMap<string, string | null>;

  constructor(cells: readonly Cell[], versions: ReadonlyMap<string, string | null>) {
    this.cells = cells;
    this.versions = versions;
  }

  cell(scenario: string, peer: string): Cell | null {
    return this.cells.find((cell) => cell.scenario.name === scenario && cell.peer.name === peer) ?? null;
  }

  value(scenario: string, peer: string): number | null {
    const cell = this.cell(scenario, peer);
    return cell === null ? null : cellValue(cell);
  }
}
