import { expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { RestartLimit } from './restart-limit.ts';

const SECOND = 1000;

it('allows 5 restarts in any 60 s', () => {
  const clock = new FakeClock();
  const limit = new RestartLimit();
  for (let i = 0; i < 5; i++) {
    expect(limit.waitMs(clock.now())).toBe(0);
    limit.note(clock.now());
    clock.advance(10 * SECOND);
  }
  // The first of them is 50 s old.
  expect(limit.waitMs(clock.now())).toBe(10 * SECOND);
  clock.advance(10 * SECOND - 1);
  expect(limit.waitMs(clock.now())).toBe(1);
  clock.advance(1);
  expect(limit.waitMs(clock.now())).toBe(0);
  limit.note(clock.now());
  // Now it is the second one that the next has to wait for.
  expect(limit.waitMs(clock.now())).toBe(10 * SECOND);
});

it('counts from the beginning, also what has been forgotten', () => {
  const clock = new FakeClock();
  const limit = new RestartLimit();
  for (let i = 0; i < 8; i++) {
    expect(limit.waitMs(clock.now())).toBe(0);
    limit.note(clock.now());
    clock.advance(60 * SECOND);
  }
  expect(limit.total).toBe(8);
});
