import { expect, it } from 'vitest';
import { rowChecksum } from './checksum.ts';

it('shows a change of a column or of the table of a row', () => {
  const all = [
    rowChecksum('types', 1, 'a', 2),
    rowChecksum('tags', 1, 'a', 2),
    rowChecksum('types', 2, 'a', 2),
    rowChecksum('types', 1, 'b', 2),
    rowChecksum('types', 1, null, 2),
    rowChecksum('types', 1, '1', 2),
  ];
  expect(new Set(all).size).toBe(all.length);
});
