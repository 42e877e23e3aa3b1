import { describe, expect, it } from 'vitest';
import { atLeast, atMost, type Row, timesOther } from './row.ts';
import { type Outcome, rowsTable } from './table.ts';

const row: Row = {
  name: 'append',
  title: 'append, in process',
  ours: { job: 'append', parameters: {}, value: 'perSecond', unit: '/s' },
  other: ['another', { job: 'other', parameters: {}, value: 'perSecond', unit: '/s' }],
  bars: [atLeast(1_000), timesOther(2, 'another'), atMost('p99Ms', 5, 'ms', 'p99')],
};

const outcome = (ours: readonly number[], other: readonly number[], failure: string | null = null): Outcome => ({
  row,
  ours: ours.map((perSecond, index) => ({ perSecond, p99Ms: index + 4 })),
  other: other.map((perSecond) => ({ perSecond })),
  failure,
});

describe('a table of rows', () => {
  it('shows medians with their range, and which bars are met', () => {
    const text = rowsTable([outcome([3_000, 1_000, 2_000], [1_000, 900, 1_100])]);
    expect(text).toContain('append, in process (`append`)');
    expect(text).toContain('2,000/s, p99 5.0 ms [1,000–3,000]');
    expect(text).toContain('another: 1,000/s [900–1,100]');
    expect(text).toContain('| ≥ 1,000/s; ≥ 2 × another; p99 ≤ 5 ms | yes; yes; yes |');
  });

  it('a bar is missed just below it, and when there is nothing to compare with', () => {
    expect(rowsTable([outcome([999], [499.5])])).toContain('| **no**; yes; yes |');
    expect(rowsTable([outcome([1_000], [501])])).toContain('| yes; **no**; yes |');
    expect(rowsTable([outcome([1_000], [])])).toContain('| yes; **no**; yes |');
  });

  it('a failure is shown, and meets nothing', () => {
    const text = rowsTable([outcome([3_000], [1_000], 'broken | bent\n  at somewhere')]);
    expect(text).toContain('FAILED: broken / bent |');
    expect(text).toContain('| **no**; **no**; **no** |');
  });
});
