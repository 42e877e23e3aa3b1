import type { Numbers } from './job.ts';

/** One measurement: a job in a process of its own. */
export interface Measurement {
  readonly job: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** In their place with --quick. */
  readonly quick?: Readonly<Record<string, number>>;
  /** One of its numbers. */
  readonly value: string;
  /** In the table, and in the JSON file. */
  readonly unit: '/s' | 'ms' | '×' | 'MB' | 'B' | '%' | 'per publish';
}

export interface Row<M extends Measurement = Measurement> {
  readonly name: string;
  readonly title: string;
  readonly ours: M;
  /** What ours is compared with in the same round, by its name in the table. */
  readonly other?: readonly [name: string, measurement: M];
  readonly bars: readonly RowBar[];
}

export interface RowBar {
  readonly text: string;
  readonly met: (ours: Numbers, other: Numbers | null) => boolean;
}

const count = (value: number): string => value.toLocaleString('en');

export const atLeast = (perSecond: number): RowBar => ({
  text: `≥ ${count(perSecond)}/s`,
  met: (ours) => ours.perSecond! >= perSecond,
});

export const timesOther = (times: number, name: string): RowBar => ({
  text: `≥ ${times} × ${name}`,
  met: (ours, other) => other !== null && ours.perSecond! >= times * other.perSecond!,
});

export const atMostOther = (member: string, times: number, name: string, text = ''): RowBar => ({
  text: `${text} ≤ ${times === 1 / 3 ? '⅓' : times} × ${name}`.trim(),
  met: (ours, other) => other !== null && ours[member]! <= times * other[member]!,
});

export const atMost = (member: string, most: number, unit: string, text = ''): RowBar => ({
  text: `${text} ≤ ${count(most)} ${unit}`.trim(),
  met: (ours) => ours[member]! <= most,
});
