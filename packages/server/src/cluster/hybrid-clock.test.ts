import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { seeded } from '../testing/seed.ts';
import { compareStamps, HybridClock, parseStamp, type Stamp, stampText } from './hybrid-clock.ts';

const HOUR_MS = 3_600_000;
const stamp = fc.record({
  ms: fc.oneof(
    fc.nat(3),
    fc.maxSafeNat().map((ms) => ms % 2 ** 48),
  ),
  counter: fc.oneof(fc.nat(3), fc.nat(0xffff)),
  nodeId: fc.constantFrom('a', 'b', '12D3KooW-é'),
});

describe('a hybrid clock', () => {
  it('gives stamps that grow, each after all that it has observed, whatever the clocks of the nodes do', () => {
    const step = fc.record({ from: fc.nat(2), to: fc.nat(2), skewMs: fc.integer({ min: -5000, max: 5000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const walls = [1e12, 1e12, 1e12];
        const clocks = walls.map((_, i) => new HybridClock({ wallMs: () => walls[i]! }, `n${i}`));
        const last: (Stamp | null)[] = [null, null, null];
        for (const { from, to, skewMs } of steps) {
          walls[from]! += skewMs;
          const sent = clocks[from]!.next();
          if (last[from] !== null) expect(compareStamps(last[from]!, sent)).toBeLessThan(0);
          last[from] = sent;
          expect(clocks[to]!.observe(sent)).toBe(true);
          const answer = clocks[to]!.next();
          if (last[to] !== null) expect(compareStamps(last[to]!, answer)).toBeLessThan(0);
          last[to] = answer;
          expect(compareStamps(sent, answer)).toBeLessThan(0);
          expect(answer.ms).toBeGreaterThanOrEqual(Math.min(...walls));
        }
      }),
      seeded(300),
    );
  });

  it('stays at the wall clock while nobody is ahead of it', () => {
    const wall = new FakeClock();
    const clock = new HybridClock(wall, 'n');
    const first = clock.next();
    expect(first).toEqual({ ms: wall.wallMs(), counter: 0, nodeId: 'n' });
    expect(clock.next()).toEqual({ ...first, counter: 1 });
    wall.advance(1.7);
    expect(clock.next()).toEqual({ ms: first.ms + 1, counter: 0, nodeId: 'n' });
  });

  it('does not follow a stamp that is more than an hour ahead', () => {
    const wall = new FakeClock();
    const clock = new HybridClock(wall, 'n');
    const ms = wall.wallMs();
    expect(clock.observe({ ms: ms + HOUR_MS + 1, counter: 0, nodeId: 'm' })).toBe(false);
    expect(clock.next().ms).toBe(ms);
    expect(clock.observe({ ms: ms + HOUR_MS, counter: 7, nodeId: 'm' })).toBe(true);
    expect(clock.next()).toEqual({ ms: ms + HOUR_MS, counter: 8, nodeId: 'n' });
  });

  it('stamps what takes the place of something later than that, and nothing else', () => {
    const wall = new FakeClock();
    const clock = new HybridClock(wall, 'n');
    const late = { ms: wall.wallMs() + 5 * HOUR_MS, counter: 3, nodeId: 'm' };
    expect(compareStamps(clock.next(late), late)).toBeGreaterThan(0);
    expect(clock.next({ ms: 1, counter: 0, nodeId: 'm' }).ms).toBe(wall.wallMs());
    expect(clock.next().ms).toBe(wall.wallMs());
  });

  it('goes to the next millisecond when one has no more numbers', () => {
    const clock = new HybridClock({ wallMs: () => 5 }, 'n');
    clock.observe({ ms: 5, counter: 0xffff, nodeId: 'm' });
    expect(clock.next()).toEqual({ ms: 6, counter: 0, nodeId: 'n' });
  });
});

describe('a stamp', () => {
  it('is the same after a journey as text, and its text sorts as it does', () => {
    fc.assert(
      fc.property(stamp, stamp, (a, b) => {
        expect(parseStamp(stampText(a))).toEqual(a);
        const [left, right] = [stampText(a), stampText(b)];
        expect(Math.sign(compareStamps(a, b))).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
      seeded(300),
    );
  });

  it.each(['', '0123456789ab-n', '0123456789abcdef-', '0123456789abcdefn', '0123456789ABCDEF-n'])(
    '%j is none',
    (text) => {
      expect(parseStamp(text)).toBeNull();
    },
  );
});
