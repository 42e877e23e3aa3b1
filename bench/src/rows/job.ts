/** What main tells a measuring process (one JSON message over IPC), and what it answers: numbers by name. */
export interface JobRequest {
  readonly job: string;
  /** Empty, or where an earlier job left something. */
  readonly directory: string;
  readonly measureMs: number;
  readonly parameters: Readonly<Record<string, number>>;
}

export type Numbers = Readonly<Record<string, number>>;
export type Job = (request: JobRequest) => Promise<Numbers>;
export type JobAnswer = { readonly numbers: Numbers } | { readonly failure: string };

/** @returns the value below which `share` (0 to 1) of them are; sorts in place */
export function quantile(values: number[], share: number): number {
  if (values.length === 0) throw new Error('nothing was measured');
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))]!;
}

export const median = (values: readonly number[]): number => quantile([...values], 0.5);
