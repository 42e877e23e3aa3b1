import { describe, expect, it } from 'vitest';
import { bars, barsOf, checkBar } from './bars.ts';
import { allPeers } from './peers/index.ts';
import { scenarios } from './scenarios.ts';

const atLeast = { scenario: 'qos0-1-1', against: 'mosquitto', atLeastTimes: 12 };

describe('bars', () => {
  it('name scenarios and systems that exist', () => {
    const names = scenarios.map(({ name }) => name);
    for (const bar of bars) {
      expect(names).toContain(bar.scenario);
      if ('against' in bar) expect(allPeers.map(({ name }) => name)).toContain(bar.against);
    }
    expect(() => barsOf('no-such')).toThrow();
  });

  it('are met from the ratio on, and not below it', () => {
    const values = (plexus: number) => (peer: string) => (peer === 'plexus' ? plexus : 100);
    expect(checkBar(atLeast, values(1_200))).toMatchObject({ met: true, reached: '12.0 ×' });
    expect(checkBar(atLeast, values(1_199))).toMatchObject({ met: false });
  });

  it('cannot be told while a side is missing', () => {
    expect(checkBar(atLeast, (peer) => (peer === 'plexus' ? 1 : null)).met).toBeNull();
    expect(checkBar(atLeast, (peer) => (peer === 'plexus' ? null : 1)).met).toBeNull();
  });

  it('may be an upper limit, by itself or against a system', () => {
    const latency = { scenario: 'latency-1-1', against: 'nats-server', atMostTimes: 1 };
    const values = (plexus: number) => (peer: string) => (peer === 'plexus' ? plexus : 100);
    expect(checkBar(latency, values(100))).toMatchObject({ bar: '≤ 1 × nats-server', reached: '1.00 ×', met: true });
    expect(checkBar(latency, values(101))).toMatchObject({ met: false });

    const memory = { scenario: 'idle', atMost: 8_192, unit: 'bytes' };
    expect(checkBar(memory, () => 8_192).met).toBe(true);
    expect(checkBar(memory, () => 8_193).met).toBe(false);
  });
});
