import { describe, expect, it } from 'vitest';
import { eventChecksum, rowChecksum } from './checksum.ts';

type Columns = Parameters<typeof eventChecksum>;

const ROW: Columns = [7, 3, 5, 0, 2, 1_700_000_000_000_000, '[1,2]', 'order-1', null, Buffer.from('the record')];

/** Every way to change one column a little. */
function variants(): Columns[] {
  const rows: Columns[] = [];
  const put = (column: number, value: unknown): void => {
    rows.push(ROW.map((old, i) => (i === column ? value : old)) as Columns);
  };
  for (let column = 0; column < 6; column++) {
    for (let bit = 0; bit < 53; bit++) {
      const before = BigInt(ROW[column] as number);
      put(column, Number(before ^ (1n << BigInt(bit))));
    }
    for (const value of [null, String(ROW[column]), (ROW[column] as number) + 0.5, new Uint8Array(0)])
      put(column, value);
  }
  for (const column of [6, 7, 8]) for (const value of ['', 'x', null, 1, new Uint8Array(0)]) put(column, value);
  for (let byte = 0; byte < 10; byte++) {
    for (let bit = 0; bit < 8; bit++) {
      const record = Buffer.from('the record');
      record[byte]! ^= 1 << bit;
      put(9, record);
    }
  }
  put(9, null);
  put(9, 'the record');
  return rows.filter((row) => row.some((value, i) => value !== ROW[i]));
}

describe('checksums of rows', () => {
  it('show a change of any one column of an event, of its value or of its type', () => {
    const checksum = eventChecksum(...ROW);
    expect(checksum).toBe(eventChecksum(...ROW));
    for (const row of variants()) expect(eventChecksum(...row), JSON.stringify(row)).not.toBe(checksum);
  });

  it('show texts that moved from one column to another', () => {
    const at = (...texts: [string | null, string | null, string | null]): number =>
      eventChecksum(1, 1, 1, 0, 1, 1, ...texts, Buffer.alloc(3));
    const all = [
      at(null, null, null),
      at('a', null, null),
      at(null, 'a', null),
      at(null, null, 'a'),
      at('a', 'a', null),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('show a change of a column or of the table of any other row', () => {
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
});
