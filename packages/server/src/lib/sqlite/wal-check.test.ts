import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { Database, PAGE_BYTES } from './database.ts';
import { readWal } from './wal-check.ts';

const OPTIONS = {
  migrations: ['CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT'],
  applicationId: 7,
};
const COMMITS = 20;
const FRAME = PAGE_BYTES + 24;

let dir: string;
/** A file and a log as they are after kill -9, with `COMMITS` rows. */
let image: { file: Buffer; wal: Buffer };

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-wal-'));
  const file = join(dir, 'live.db');
  using db = Database.open({ file, ...OPTIONS });
  // An earlier round of the log, the frames of which stay behind the present one.
  const insert = db.prepare('INSERT INTO t (body) VALUES (?)');
  for (let i = 0; i < 2 * COMMITS; i++) insert.run('earlier'.repeat(300));
  db.checkpoint('restart');
  db.exec('DELETE FROM t');
  for (let i = 0; i < COMMITS - 1; i++) insert.run(`row ${i} ${'x'.repeat(1000)}`);
  db.transaction(() => {
    for (let i = 0; i < 10; i++) insert.run('of the last commit'.repeat(100));
  });
  image = { file: readFileSync(file), wal: readFileSync(`${file}-wal`) };
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const ALL = COMMITS - 1 + 10;
const BEFORE_LAST = COMMITS - 1;
let copies = 0;

/** Opens a copy of the image with another log. @returns its rows, or the error */
function rowsWith(wal: Buffer): number | PlexusError {
  const file = join(dir, `copy-${copies++}.db`);
  writeFileSync(file, image.file);
  writeFileSync(`${file}-wal`, wal);
  try {
    using db = Database.open({ file, ...OPTIONS });
    return db.prepareRows<[number]>('SELECT count(*) FROM t').get()![0];
  } catch (error) {
    return error as PlexusError;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
  }
}

/** Where the present round ends, and where its last commit begins. */
function bounds(): { end: number; last: number } {
  const salts = image.wal.subarray(16, 24);
  let end = 32;
  let last = 32;
  let start = 32;
  for (let at = 32; at < image.wal.length && image.wal.subarray(at + 8, at + 16).equals(salts); at += FRAME) {
    end = at + FRAME;
    if (image.wal.readUInt32BE(at + 4) === 0) continue;
    last = start;
    start = end;
  }
  return { end, last };
}

const flipped = (at: number, bit: number): Buffer => {
  const wal = Buffer.from(image.wal);
  wal[at]! ^= 1 << bit;
  return wal;
};

describe('write-ahead log', () => {
  it('of a crash is taken whole, whatever an earlier round left behind it', () => {
    expect(bounds().end).toBeLessThan(image.wal.length);
    expect(bounds().end - bounds().last).toBeGreaterThan(2 * FRAME);
    expect(rowsWith(image.wal)).toBe(ALL);
  });

  it('that ends in a torn commit is taken up to it', () => {
    const { end, last } = bounds();
    expect(rowsWith(image.wal.subarray(0, end - 1))).toBe(BEFORE_LAST);
    expect(rowsWith(image.wal.subarray(0, last + 1))).toBe(BEFORE_LAST);
    // The system may write the pages of a commit in any order: the first is missing, the others are there.
    const holed = Buffer.from(image.wal.subarray(0, end));
    holed.fill(0, last, last + FRAME);
    expect(rowsWith(holed)).toBe(BEFORE_LAST);
  });

  it('with a changed bit in front of its last commit is refused, naming the log', () => {
    const { last } = bounds();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: last - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const result = rowsWith(flipped(at, bit));
        // These four header bytes count checkpoints; the sums cover them, so it is refused as well.
        expect(result).toMatchObject({ code: 'store_damaged' });
        expect((result as PlexusError).details.file).toMatch(/-wal$/);
      }),
      seeded(150),
    );
  });

  it('with a changed bit in a frame’s own header is refused', () => {
    for (let at = 32; at < 32 + 24; at++) {
      expect(rowsWith(flipped(at + 2 * FRAME, 3)), `byte ${at}`).toMatchObject({ code: 'store_damaged' });
    }
  });

  it('with a lost range in front of its last commits is refused', () => {
    const wal = Buffer.from(image.wal);
    wal.fill(0, 32 + 2 * FRAME + 100, 32 + 5 * FRAME + 100);
    expect(rowsWith(wal)).toMatchObject({ code: 'store_damaged' });
  });

  it('of garbage, or shorter than a header, is no log', () => {
    expect(rowsWith(Buffer.alloc(20 * FRAME, 7))).toBe(rowsWith(Buffer.alloc(0)));
    expect(rowsWith(Buffer.alloc(31))).toBe(rowsWith(Buffer.alloc(0)));
  });

  it('that is not there is nothing', () => {
    const file = join(dir, 'none.db');
    copyFileSync(join(dir, 'live.db'), file);
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect(readWal(file, PAGE_BYTES)).toEqual({ pages: new Set(), databasePages: 0 });
  });
});
