import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../lib/sqlite/database.ts';
import { TestWriter } from '../store/sqlite/testing/writer-steps.ts';
import { verifyStoreFile } from './verify-store-file.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-verify-file-'));
  file = join(dir, 'some.db');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('verifying a file', () => {
  it('counts what is in a store', async () => {
    using test = new TestWriter();
    test.append('a', ['x', 'y']);
    test.writer.close();
    expect(await verifyStoreFile(test.file)).toEqual({ events: 2, streams: 1, faults: [] });
  });

  it.each<[what: string, make: () => void]>([
    ['an empty one', () => writeFileSync(file, '')],
    [
      'one of another program',
      () => {
        Database.open({ file, migrations: ['CREATE TABLE a (x)'], applicationId: 7 }).close();
        rmSync(`${file}-shm`, { force: true });
      },
    ],
  ])('finds that %s is no store, and leaves it as it is', async (_, make) => {
    make();
    const before = readFileSync(file);
    const { faults } = await verifyStoreFile(file);
    expect(faults).toMatchObject([{ where: file }]);
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(dir)).toEqual(['some.db']);
  });

  it('needs one that is there', async () => {
    await expect(verifyStoreFile(file)).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
