const WARMUP_MS = 500;
const ROUND_MS = 300;
const ROUNDS = 5;

/**
 * Runs `work` over and over and prints the best of five rounds: what the code costs when nothing else gets in
 * its way.
 *
 * @param units how many things one call of `work` does.
 * @param work returns a number that depends on what it did, so that it cannot be optimised away.
 */
export function measure(name: string, units: number, work: () => number): void {
  let sink = 0;
  const round = (milliseconds: number): number => {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < milliseconds) {
      sink ^= work();
      calls++;
    }
    return ((performance.now() - start) * 1e6) / (calls * units);
  };
  round(WARMUP_MS);
  const nanos = Math.min(...Array.from({ length: ROUNDS }, () => round(ROUND_MS)));
  const rate = (1000 / nanos).toFixed(2);
  process.stdout.write(`| ${name} | ${nanos.toPrecision(3)} ns | ${rate} M/s |${sink === 0.5 ? ' ' : ''}\n`);
}
