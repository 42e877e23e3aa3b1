import { describe, expect, it } from 'vitest';
import { isoTimeOfUs } from '../lib/iso-time.ts';
import { parseTimeUs } from './time-us.ts';

describe('a time in microseconds', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [1, '1970-01-01T00:00:00.000001Z'],
    [1_763_715_600_123_456, '2025-11-21T09:00:00.123456Z'],
    [1_763_715_600_999_999, '2025-11-21T09:00:00.999999Z'],
    [1_763_715_601_000_000, '2025-11-21T09:00:01.000000Z'],
  ])('%i is %s, both ways', (us, text) => {
    expect(isoTimeOfUs(us)).toBe(text);
    expect(parseTimeUs('at', text)).toBe(us);
  });

  it.each([
    ['1763715600123456', 1_763_715_600_123_456],
    ['0', 0],
    ['2025-11-21', 1_763_683_200_000_000],
    ['2025-11-21T09:00:00Z', 1_763_715_600_000_000],
    ['2025-11-21T10:00:00.5+01:00', 1_763_715_600_500_000],
    ['2025-11-21T09:00:00.123456789z', 1_763_715_600_123_456],
  ])('%s is understood', (text, us) => {
    expect(parseTimeUs('at', text)).toBe(us);
  });

  it.each([
    '',
    'now',
    '-1',
    '1.5',
    '2025-11-21T09:00:00',
    '2025-11-21T09:00Z',
    '2025-13-21',
    '2025-11-21T25:00:00Z',
    '21.11.2025',
  ])('%j is refused', (text) => {
    expect(() => parseTimeUs('at', text)).toThrow(/at is microseconds/);
  });
});
