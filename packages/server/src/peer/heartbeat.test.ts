import { describe, expect, it } from 'vitest';
import { Heartbeat } from './heartbeat.ts';

const OPTIONS = { heartbeatMs: 1000, silentMs: 3000 };

/** Looks every 100 ms, as the pool does, while something is heard every second. @returns when the peer counts as deaf, or null */
function deafAfterMs(version: number, forMs: number, readsAtMs: readonly number[] = []): number | null {
  const heartbeat = new Heartbeat(version, OPTIONS, 0);
  for (let now = 100; now <= forMs; now += 100) {
    if (now % 1000 === 0) heartbeat.heard(now);
    if (readsAtMs.includes(now)) heartbeat.reads();
    if (heartbeat.isSilent(now)) throw new Error(`silent after ${now} ms`);
    if (heartbeat.isDeaf(now)) return now;
  }
  return null;
}

describe('a peer that talks', () => {
  it('and answers nothing is deaf after ten times the silence of a dead one', () => {
    expect(deafAfterMs(2, 60_000)).toBe(30_000);
  });

  it('and shows now and then that it reads is not', () => {
    expect(deafAfterMs(2, 60_000, [20_000, 45_000])).toBeNull();
    expect(deafAfterMs(2, 60_000, [20_000])).toBe(49_900);
  });

  it('in version 1 has no way to answer', () => {
    expect(deafAfterMs(1, 120_000)).toBeNull();
  });

  it('is not deaf because this process was stopped', () => {
    const heartbeat = new Heartbeat(2, OPTIONS, 0);
    expect([heartbeat.isDeaf(60_000), heartbeat.isDeaf(60_100)]).toEqual([false, false]);
  });
});
