import { describe, expect, it } from 'vitest';
import { RelayLimits } from './relay-limits.ts';

describe('the limits of a relay', () => {
  it.each([
    ['seconds, as specified', 120, 90_000, 120_000],
    ['milliseconds, as js-libp2p has them', 4000, 3000, 4000],
    ['an hour in milliseconds', 3_600_000, 3_540_000, 3_600_000],
  ])('are near in the last quarter, or minute: %s', (_name, seconds, fromMs, endMs) => {
    const limits = new RelayLimits({ seconds }, 5);
    expect(limits.isNear(5 + fromMs)).toBe(false);
    expect(limits.isNear(5 + fromMs + 1)).toBe(true);
    expect(limits.isNear(5 + endMs)).toBe(true);
  });

  it('are near when few of the bytes are left', () => {
    let left = 1000n;
    const limits = new RelayLimits(
      {
        get bytes() {
          return left;
        },
      },
      0,
    );
    expect(limits.isNear(1e9)).toBe(false);
    left = 249n;
    expect(limits.isNear(0)).toBe(true);
  });

  it('are none where the relay says none', () => {
    expect(new RelayLimits({}, 0).isNear(1e12)).toBe(false);
  });
});
