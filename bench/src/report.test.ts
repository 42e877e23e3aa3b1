import { describe, expect, it } from 'vitest';
import { allPeers } from './peers/index.ts';
import { missesBar, table } from './report.ts';
import { type Cell, Results } from './results.ts';
import { scenarios } from './scenarios.ts';
import { replaceTable } from './write.ts';

const scenario = scenarios.find(({ name }) => name === 'qos0-1-1')!;
const shown = allPeers.filter(({ name }) => ['plexus', 'nats-server', 'mosquitto'].includes(name));

function cell(peer: string, values: readonly number[], failure: string | null = null): Cell {
  const extras = { brokerCpuMicrosPerDelivery: 0.3, brokerCores: 1, generatorCores: 0.5 };
  const samples = values.map((value) => ({ value, extras }));
  return { scenario, peer: shown.find(({ name }) => name === peer)!, samples, failure, incorrect: false };
}

const versions = new Map([
  ['plexus', '0.1.0'],
  ['nats-server', '2.9.10'],
  ['mosquitto', null],
]);

describe('the table', () => {
  it('shows medians with their range, ratios, and who is not installed', () => {
    const cells = [cell('plexus', [3e6, 1e6, 2e6]), cell('nats-server', [1e6, 1e6, 1e6])];
    const text = table(new Results(cells, versions), [scenario], shown);
    expect(text).toContain('2.00 M/s · 0.30 µs [1.00 M–3.00 M]');
    expect(text).toContain('not installed');
    expect(text).toContain('| 2.00 ×; — | yes; — |');
  });

  it('shows a failure in its cell and counts nothing of it', () => {
    const cells = [cell('plexus', [3e6], 'message 6 instead of 5'), cell('nats-server', [1e6])];
    const results = new Results(cells, versions);
    expect(table(results, [scenario], shown)).toContain('FAILED: message 6 instead of 5');
    expect(missesBar(results, [scenario])).toBe(false);
  });

  it('tells when a bar is missed', () => {
    const results = new Results([cell('plexus', [8e5]), cell('nats-server', [1e6])], versions);
    expect(missesBar(results, [scenario])).toBe(true);
  });

  it('goes between the markers of the page and leaves the rest', () => {
    const facts = { date: '2026-01-02T03:04:05Z', cores: 2, processor: 'P', memoryGiB: 8, kernel: '6', node: '26.0.0' };
    const page = 'before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n';
    const text = replaceTable(page, '| new |\n', facts);
    expect(text).toMatch(/^before\n<!-- bench:start -->\n[\s\S]*\| new \|\n\n<!-- bench:end -->\nafter\n$/);
    expect(text).not.toContain('old');
    expect(() => replaceTable('no markers', '', facts)).toThrow();
  });
});
