import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
