import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CommitMark } from './commit-mark.ts';
import { Database } from './database.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-mark-'));
  file = join(dir, 'some.db');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('a mark that cannot be made says why', () => {
  mkdirSync(CommitMark.pathOf(file));
  expect(() => CommitMark.open(file)).toThrow(expect.objectContaining({ code: 'store_unavailable' }));
});

it('a mark beyond the end of the file says what is missing', () => {
  {
    using mark = CommitMark.open(file);
    expect(mark.marked).toBeNull();
    mark.check(-1);
    mark.write(41);
    mark.write(42);
  }
  using mark = CommitMark.open(file);
  expect(mark.marked).toBe(42);
  mark.check(42);
  mark.check(43);
  let error: PlexusError | null = null;
  try {
    mark.check(41);
  } catch (thrown) {
    error = thrown as PlexusError;
  }
  expect(error).toMatchObject({ code: 'store_damaged', details: { file, position: 42 } });
  expect(error!.message).toContain(`${file}.mark`);
});

it('a mark that cannot be read is none', () => {
  for (const text of ['', 'short', 'garbage of more than twenty bytes']) {
    writeFileSync(`${file}.mark`, text);
    using mark = CommitMark.open(file);
    expect(mark.marked, text).toBeNull();
    mark.check(-1);
  }
});

it('a database that is made anew has nothing to do with a mark that says nothing', () => {
  writeFileSync(`${file}.mark`, 'once upon a time, far away');
  Database.open({ file, migrations: ['CREATE TABLE t (id INTEGER)'], applicationId: 1 }).close();
  expect(existsSync(`${file}.mark`)).toBe(false);
});

it('a mark tells of commits without a position as well', () => {
  {
    using mark = CommitMark.open(file);
    mark.write(42, 7);
  }
  using mark = CommitMark.open(file);
  expect([mark.marked, mark.changes]).toEqual([42, 7]);
  mark.check(42, 7);
  mark.check(43, 8);
  expect(() => mark.check(43, 5)).toThrow(/last 2 commits without events .* are lost/);
  expect(() => mark.check(41, 7)).toThrow('ends at position 41');
});

it('a mark of version 1 has a position, and says nothing of other commits', () => {
  const bytes = Buffer.alloc(20);
  bytes.write('plexmark');
  bytes.writeDoubleLE(42, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16);
  writeFileSync(`${file}.mark`, bytes);
  {
    using mark = CommitMark.open(file);
    expect([mark.marked, mark.changes]).toEqual([42, 0]);
    mark.check(42, 0);
    expect(() => mark.check(41, 0)).toThrow('ends at position 41');
    mark.write(43, 1);
  }
  using mark = CommitMark.open(file);
  expect([mark.marked, mark.changes]).toEqual([43, 1]);
});

it('a mark with a changed bit is none', () => {
  {
    using mark = CommitMark.open(file);
    mark.write(42, 7);
  }
  const whole = readFileSync(`${file}.mark`);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = Buffer.from(whole);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(`${file}.mark`, bytes);
    using mark = CommitMark.open(file);
    expect([mark.marked, mark.changes], `bit ${bit}`).toEqual([null, 0]);
  }
});
