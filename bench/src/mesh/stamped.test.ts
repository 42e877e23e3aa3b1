import { describe, expect, it } from 'vitest';
import { Arrivals, requireAll, stampedMessage } from './stamped.ts';

function arrived(numbers: readonly number[], inOrder: boolean) {
  const arrivals = new Arrivals(inOrder);
  for (const number of numbers) arrivals.add(stampedMessage(number, 100));
  return arrivals.take();
}

describe('what comes to a subscriber', () => {
  it('has to be all, once', () => {
    for (const inOrder of [true, false]) {
      requireAll([arrived([0, 1, 2], inOrder)], 3);
      expect(() => requireAll([arrived([0, 1], inOrder)], 3)).toThrow('2 messages of 3');
      expect(() => requireAll([arrived([0, 1, 1], inOrder)], 3)).toThrow('message 1 again');
    }
  });

  it('has to be in order where that is promised', () => {
    requireAll([arrived([0, 2, 1], false)], 3);
    expect(() => requireAll([arrived([0, 2, 1], true)], 3)).toThrow('message 2 instead of 1');
  });

  it('begins anew when it is taken', () => {
    const arrivals = new Arrivals(true);
    for (let round = 0; round < 2; round++) {
      arrivals.add(stampedMessage(0, 12));
      requireAll([arrivals.take()], 1);
    }
  });

  it('is told how late it is', () => {
    const [delay] = arrived([0], true).delays;
    expect(delay).toBeGreaterThanOrEqual(0);
  });
});
