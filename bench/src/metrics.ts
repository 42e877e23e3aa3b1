import type { RunResult } from './plan.ts';

/** What one run is worth: the number that is compared, and how a cell of the table shows it. */
export interface Metric {
  /** From the results of the scenario's runs, in the order of its plans. */
  value(results: readonly RunResult[]): number;
  /** Further numbers for the JSON file; medians of these may appear in {@link show}. */
  extras(results: readonly RunResult[]): Record<string, number>;
  show(value: number, extras: Readonly<Record<string, number>>): string;
  /** The value alone, for ranges. */
  short(value: number): string;
}

export const throughput: Metric = {
  value: (results) => only(results, 'flow').deliveriesPerSecond,
  extras: (results) => {
    const { brokerCpuMicrosPerDelivery, brokerCores, generatorCores } = only(results, 'flow');
    return { brokerCpuMicrosPerDelivery, brokerCores, generatorCores };
  },
  show: (value, extras) => `${count(value)}/s · ${extras.brokerCpuMicrosPerDelivery!.toPrecision(2)} µs`,
  short: count,
};

export const latency: Metric = {
  value: (results) => only(results, 'paced').p99Micros,
  extras: (results) => {
    const { p50Micros, p99Micros, missing } = only(results, 'paced');
    return { p50Micros, p99Micros, missing };
  },
  show: (_, extras) => `p50 ${millis(extras.p50Micros!)}, p99 ${millis(extras.p99Micros!)}${lost(extras.missing!)}`,
  short: millis,
};

export const connects: Metric = {
  value: (results) => only(results, 'connect').connectsPerSecond,
  extras: (results) => {
    const { brokerCpuMicrosPerConnect, brokerCores, generatorCores } = only(results, 'connect');
    return { brokerCpuMicrosPerConnect, brokerCores, generatorCores };
  },
  show: (value, extras) => `${count(value)}/s · ${extras.brokerCpuMicrosPerConnect!.toPrecision(2)} µs`,
  short: count,
};

export const freeze: Metric = {
  value: ([free, frozen]) => paced(frozen).p99Micros / paced(free).p99Micros,
  extras: ([free, frozen]) => ({
    p50Micros: paced(free).p50Micros,
    p99Micros: paced(free).p99Micros,
    frozenP50Micros: paced(frozen).p50Micros,
    frozenP99Micros: paced(frozen).p99Micros,
    missing: paced(frozen).missing,
    frozenClosed: paced(frozen).frozenClosed,
  }),
  short: (value) => value.toFixed(2),
  show: (value, extras) => {
    const p99 = `p99 ${millis(extras.p99Micros!)} → ${millis(extras.frozenP99Micros!)}`;
    return `${value.toFixed(2)} (${p99})${lost(extras.missing!)}`;
  },
};

/** What the second of two runs has more; never below zero. */
export const hop: Metric = {
  value: ([one, two]) => Math.max(0, paced(two).p99Micros - paced(one).p99Micros),
  extras: ([one, two]) => ({
    p50Micros: Math.max(0, paced(two).p50Micros - paced(one).p50Micros),
    p99Micros: Math.max(0, paced(two).p99Micros - paced(one).p99Micros),
    missing: paced(two).missing,
  }),
  show: (_, extras) => `p50 ${millis(extras.p50Micros!)}, p99 ${millis(extras.p99Micros!)}${lost(extras.missing!)}`,
  short: millis,
};

export const memory: Metric = {
  value: (results) => only(results, 'idle').bytesPerConnection,
  extras: () => ({}),
  show: (value) => `${(value / 1024).toFixed(1)} KiB`,
  short: (value) => (value / 1024).toFixed(1),
};

function only<M extends RunResult['mode']>(results: readonly RunResult[], mode: M): Extract<RunResult, { mode: M }> {
  const result = results[0];
  if (result?.mode !== mode) throw new Error(`expected the result of a ${mode} run`);
  return result as Extract<RunResult, { mode: M }>;
}

function paced(result: RunResult | undefined) {
  return only(result === undefined ? [] : [result], 'paced');
}

function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
}

function millis(micros: number): string {
  return `${(micros / 1000).toPrecision(2)} ms`;
}

function lost(missing: number): string {
  return missing > 0 ? `, ${missing} missing` : '';
}
