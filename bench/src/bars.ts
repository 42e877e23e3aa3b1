import { scenarios } from './scenarios.ts';

/** What Plexus has to reach in a scenario: a multiple of a peer's value, or a value of its own. */
export type Bar =
  | { readonly scenario: string; readonly against: string; readonly atLeastTimes: number }
  | { readonly scenario: string; readonly against: string; readonly atMostTimes: number }
  | { readonly scenario: string; readonly atMost: number; readonly unit: string };

export const bars: readonly Bar[] = [
  { scenario: 'qos0-1-1', against: 'nats-server', atLeastTimes: 0.9 },
  { scenario: 'qos0-1-1', against: 'mosquitto', atLeastTimes: 12 },
  { scenario: 'qos0-1-50', against: 'nats-server', atLeastTimes: 2 },
  { scenario: 'qos0-1-50', against: 'mosquitto', atLeastTimes: 40 },
  { scenario: 'qos0-4-4', against: 'nats-server', atLeastTimes: 1 },
  { scenario: 'qos0-4-4', against: 'mosquitto', atLeastTimes: 25 },
  { scenario: 'qos0-1-200', against: 'nats-server', atLeastTimes: 1 },
  { scenario: 'qos0-1-200', against: 'mosquitto', atLeastTimes: 25 },
  { scenario: 'qos0-50-wild', against: 'nats-server', atLeastTimes: 1 },
  { scenario: 'qos1-1-1', against: 'mosquitto', atLeastTimes: 4 },
  { scenario: 'v5-1-50', against: 'mosquitto', atLeastTimes: 10 },
  { scenario: 'websocket-1-50', against: 'aedes', atLeastTimes: 20 },
  { scenario: 'tls-1-50', against: 'mosquitto', atLeastTimes: 5 },
  { scenario: 'qos2-1-1', against: 'mosquitto', atLeastTimes: 4 },
  { scenario: 'shared-4-4', against: 'mosquitto', atLeastTimes: 4 },
  { scenario: 'connects', against: 'mosquitto', atLeastTimes: 2 },
  { scenario: 'connects', against: 'aedes', atLeastTimes: 3 },
  { scenario: 'latency-1-1', against: 'nats-server', atMostTimes: 1 },
  { scenario: 'idle', atMost: 8 * 1024, unit: 'bytes' },
];

export interface BarOutcome {
  readonly bar: string;
  /** What was reached; null where a side of it was not measured. */
  readonly reached: string | null;
  /** Null where it cannot be told. */
  readonly met: boolean | null;
}

/** @param measured the median of a peer in the bar's scenario, null when it was not measured. */
export function checkBar(bar: Bar, measured: (peer: string) => number | null): BarOutcome {
  const own = measured('plexus');
  if ('atMost' in bar) {
    const reached = own === null ? null : `${own.toFixed(0)} ${bar.unit}`;
    return { bar: `≤ ${bar.atMost} ${bar.unit}`, reached, met: own === null ? null : own <= bar.atMost };
  }
  const other = measured(bar.against);
  const isCeiling = 'atMostTimes' in bar;
  const times = isCeiling ? bar.atMostTimes : bar.atLeastTimes;
  const text = `${isCeiling ? '≤' : '≥'} ${times} × ${bar.against}`;
  if (own === null || other === null) return { bar: text, reached: null, met: null };
  const ratio = own / other;
  return { bar: text, reached: `${ratio.toPrecision(3)} ×`, met: isCeiling ? ratio <= times : ratio >= times };
}

/** The bars of a scenario; throws for a name that is no scenario. */
export function barsOf(scenario: string): readonly Bar[] {
  if (!scenarios.some(({ name }) => name === scenario)) throw new Error(`no scenario ${scenario}`);
  return bars.filter((bar) => bar.scenario === scenario);
}
