import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nextIncarnation } from './incarnation.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'plexus-incarnation-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

it('is the time of the start, and on the disk before it is used', () => {
  expect(nextIncarnation(dataDir, 1_000_000.75)).toBe(1_000_000);
  expect(readFileSync(join(dataDir, 'incarnation'), 'utf8')).toBe('1000000\n');
  expect(statSync(join(dataDir, 'incarnation')).mode & 0o777).toBe(0o600);
});

it('grows with every start, also when the clock was set back or has not moved', () => {
  const starts = [5000, 5000, 100, 5001, 9000, 0].map((wallMs) => nextIncarnation(dataDir, wallMs));
  expect(starts).toEqual([5000, 5001, 5002, 5003, 9000, 9001]);
});

it.each(['', 'yesterday', '-4', '1e9', '9'.repeat(16)])(
  'is not made up where what was stored cannot be read: %j',
  (text) => {
    writeFileSync(join(dataDir, 'incarnation'), text);
    expect(() => nextIncarnation(dataDir, 1)).toThrow(expect.objectContaining({ code: 'data_dir_unusable' }));
  },
);
