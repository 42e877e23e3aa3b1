import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { seeded } from '../../testing/seed.ts';
import {
  type EpochSchedule,
  epochAt,
  epochSecret,
  epochsInUse,
  epochsOfToken,
  lastEndOfToken,
  nextEpochChange,
  scheduleProblem,
} from './epochs.ts';
import { DAY_MS, HOUR_MS, RealmNode, TestRealm } from './testing/test-realm.ts';

const MINUTE_MS = 60 * 1000;
const SCHEDULE: EpochSchedule = { zeroMs: 1000, lengthMs: 7 * DAY_MS, overlapMs: DAY_MS };
const at = (days: number): number => SCHEDULE.zeroMs + days * DAY_MS;

describe('epochs', () => {
  it.each([
    [-1, [0], [0], 8, 7],
    [0, [0], [0], 8, 7],
    [5.9, [0], [0], 8, 7],
    [6, [0], [0, 1], 15, 7],
    [6.9, [0], [0, 1], 15, 7],
    [7, [1, 0], [0, 1], 15, 8],
    [7.9, [1, 0], [0, 1], 15, 8],
    [8, [1], [1], 15, 14],
    [13.5, [1], [1, 2], 22, 14],
  ])(
    'on day %d: in use %j, in a token %j, which ends on day %d at the latest; next change on day %d',
    (day, used, held, end, next) => {
      expect(epochsInUse(SCHEDULE, at(day))).toEqual(used);
      expect(epochsOfToken(SCHEDULE, at(day))).toEqual(held);
      expect(lastEndOfToken(SCHEDULE, at(day))).toBe(at(end));
      expect(nextEpochChange(SCHEDULE, at(day))).toBe(at(next));
    },
  );

  const schedules = fc
    .tuple(fc.integer({ min: 60_000, max: 400 * HOUR_MS }), fc.integer({ min: 1000, max: 200 * HOUR_MS }))
    .filter(([lengthMs, overlapMs]) => overlapMs <= lengthMs / 2)
    .map(([lengthMs, overlapMs]) => ({ zeroMs: 5000, lengthMs, overlapMs }));

  it('any two tokens that are valid have a secret in use in common', () => {
    const fraction = fc.double({ min: 0, max: 3.5, noNaN: true });
    fc.assert(
      fc.property(schedules, fraction, fraction, fraction, (schedule, one, other, now) => {
        const timeOf = (epochs: number): number => Math.floor(schedule.zeroMs + epochs * schedule.lengthMs);
        const nowMs = timeOf(now);
        const inUse = [one, other].map((issued) => {
          const issuedAtMs = timeOf(issued);
          fc.pre(issuedAtMs <= nowMs && nowMs < lastEndOfToken(schedule, issuedAtMs));
          const held = epochsOfToken(schedule, issuedAtMs);
          return epochsInUse(schedule, nowMs).filter((epoch) => held.includes(epoch));
        });
        expect(inUse[0]!.some((epoch) => inUse[1]!.includes(epoch))).toBe(true);
      }),
      seeded(3000),
    );
  });

  it('change only when they say', () => {
    fc.assert(
      fc.property(schedules, fc.double({ min: 0, max: 5, noNaN: true }), (schedule, epochs) => {
        const nowMs = Math.floor(schedule.zeroMs + epochs * schedule.lengthMs);
        const next = nextEpochChange(schedule, nowMs);
        expect(next).toBeGreaterThan(nowMs);
        expect(epochsInUse(schedule, next - 1)).toEqual(epochsInUse(schedule, nowMs));
        expect(epochsInUse(schedule, next)).not.toEqual(epochsInUse(schedule, nowMs));
        expect(epochAt(schedule, nowMs)).toBe(epochsInUse(schedule, nowMs)[0]);
      }),
      seeded(1000),
    );
  });

  it('have secrets of their own, of 32 bytes', () => {
    const seed = new Uint8Array(32).fill(7);
    expect(epochSecret(seed, 3)).toHaveLength(32);
    expect(epochSecret(seed, 3)).toEqual(epochSecret(seed, 3));
    expect(epochSecret(seed, 4)).not.toEqual(epochSecret(seed, 3));
    expect(epochSecret(new Uint8Array(32), 3)).not.toEqual(epochSecret(seed, 3));
  });

  it.each([
    [59_999, 1000],
    [367 * DAY_MS, 1000],
    [7 * DAY_MS, 999],
    [7 * DAY_MS, 3.6 * DAY_MS],
    [7.5, 2],
    [Number.NaN, 1000],
  ])('do not last %d ms with an overlap of %d ms', (lengthMs, overlapMs) => {
    expect(scheduleProblem({ lengthMs, overlapMs })).not.toBeNull();
  });
});

describe('two nodes of which only one has renewed its token', () => {
  it('share a secret all through the overlap, and for as long as both tokens hold', () => {
    const clock = new FakeClock();
    const realm = new TestRealm(clock, 'plant', '', 7 * HOUR_MS, HOUR_MS);
    const late = new RealmNode('late', clock, [realm], (node) => node.give('plant', realm.issue('late')));
    const early = new RealmNode('early', clock, [realm], (node) => node.give('plant', realm.issue('early')));
    const common = (): number => {
      const [one, other] = [late, early].map((node) => node.realms.get('plant')!.secrets);
      return one!.filter(({ secret }) => other!.some((mine) => Buffer.compare(mine.secret, secret) === 0)).length;
    };
    expect(common()).toBe(1);
    clock.advance(6 * HOUR_MS);
    // In the last hour of the epoch it gets the secret of the next one too.
    early.give('plant', realm.issue('early'));
    for (let minute = 1; minute < 120; minute++) {
      clock.advance(MINUTE_MS);
      expect(common(), `minute ${minute}`).toBe(1);
    }
    expect(early.realms.get('plant')!.secrets.map(({ epoch }) => epoch)).toEqual([1, 0]);
    expect(late.realms.get('plant')!.secrets.map(({ epoch }) => epoch)).toEqual([0]);
    clock.advance(MINUTE_MS);
    expect(late.realms.get('plant')!.token).toBeNull();
    expect(early.realms.get('plant')!.secrets.map(({ epoch }) => epoch)).toEqual([1]);
  });
});
