import type { Peer } from '../../peers/peer.ts';
import type { RunResult } from '../../plan.ts';
import { type Job, median } from '../../rows/job.ts';
import { runOnce } from '../../runs.ts';
import type { Scenario } from '../../scenarios.ts';

const WARMUP_MS = 1000;

async function numbersOf(scenario: Scenario, peer: Peer, measureMs: number): Promise<Record<string, number>> {
  const { metric, tuning, plans } = scenario;
  const results: RunResult[] = [];
  for (const plan of plans) results.push(await runOnce(peer, tuning, plan, { warmupMs: WARMUP_MS, measureMs }));
  return { value: metric.value(results), ...metric.extras(results) };
}

/** First whether every message arrives once, in order, unaltered. */
async function check(scenario: Scenario, peer: Peer): Promise<void> {
  for (const plan of scenario.checks) await runOnce(peer, scenario.tuning, plan, { warmupMs: 0, measureMs: 0 });
}

/** A scenario of the generator that has a throughput. */
export const throughputOf =
  (scenario: Scenario, peer: Peer): Job =>
  async ({ measureMs }) => {
    await check(scenario, peer);
    const { value, ...extras } = await numbersOf(scenario, peer, measureMs);
    return { perSecond: value!, ...extras };
  };

/** A scenario of the generator that has a latency: medians of its samples. */
export const latencyOf =
  (scenario: Scenario, peer: Peer): Job =>
  async ({ measureMs }) => {
    await check(scenario, peer);
    const samples: Record<string, number>[] = [];
    while (samples.length < (scenario.samplesPerRound ?? 1)) samples.push(await numbersOf(scenario, peer, measureMs));
    const missing = samples.reduce((sum, sample) => sum + sample.missing!, 0);
    if (missing > 0) throw new Error(`${missing} messages never arrived`);
    const millis = (name: string): number => median(samples.map((sample) => sample[name]! / 1000));
    return { p50Ms: millis('p50Micros'), p99Ms: millis('p99Micros') };
  };
