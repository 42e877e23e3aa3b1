import type { RunResult } from './run.ts';

/** One line of a world that went well or not. */
export function summary(result: RunResult): string {
  const { seed, violations, virtualMs, events, messages, receipts, promises, faults, bytes, traceHash } = result;
  return (
    `seed ${seed}: ${violations.length === 0 ? 'ok' : 'FAILED'}, ${(virtualMs / 1000).toFixed(1)} s virtual, ${events} events,` +
    ` ${messages} messages, ${receipts} received, ${promises.troubled} owed in spite of ${faults} faults, ${bytes} bytes between nodes, trace ${traceHash}`
  );
}

/** What broke, and what happened before it. Empty if nothing did. */
export function failure(
  { seed, violations, newest }: Pick<RunResult, 'seed' | 'violations' | 'newest'>,
  traceLines: number,
): string {
  if (violations.length === 0) return '';
  const lines = violations.map(({ at, invariant, text }) => `  ${at.toFixed(1)} ms, ${invariant}: ${text}`);
  const last = newest.slice(-traceLines).map((line) => `  ${line}`);
  return [`seed ${seed} broke:`, ...lines, 'before that:', ...last, ''].join('\n');
}
