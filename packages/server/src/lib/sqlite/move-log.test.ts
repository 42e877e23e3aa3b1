import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from './database.ts';
import type { Hosted } from './hosted.ts';
import { create } from './move-log.ts';

const OPTIONS = { migrations: ['CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)'], applicationId: 7 };
const PAGE_OF_TEXT = 'x'.repeat(4000);

describe('moving the log of a file that another connection writes', () => {
  let folder: string;
  let file: string;
  let db: Database;
  let mover: Hosted;
  let answers: unknown[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plexus-move-log-'));
    file = join(folder, 'x.db');
    db = Database.open({ file, ...OPTIONS });
    db.exec('PRAGMA wal_autocheckpoint = 0');
    answers = [];
    mover = create({ file, leastPages: 10 }, (answer) => answers.push(answer));
  });
  afterEach(() => {
    mover.close();
    db.close();
    rmSync(folder, { recursive: true });
  });

  const write = (rows: number): void => {
    const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
    db.transaction(() => {
      for (let i = 0; i < rows; i++) insert.run(PAGE_OF_TEXT);
    });
  };
  const rowsOf = (path: string): unknown => {
    using found = Database.open({ file: path, ...OPTIONS });
    return found.prepare('SELECT count(*) AS rows FROM t').get();
  };

  it('leaves nothing to move, and the log begins anew', () => {
    write(100);
    expect(db.log.unmoved).toBeGreaterThan(100);
    mover.handle([null, null]);
    expect(answers).toEqual([{ failure: null }]);
    expect(db.log.unmoved).toBe(0);
    write(1);
    expect(db.log.pages).toBeLessThan(10);
  });

  it('is not worth it for a few pages', () => {
    write(100);
    mover.handle([null]);
    write(2);
    mover.handle([null]);
    expect(answers).toHaveLength(2);
    expect(db.log.unmoved).toBeGreaterThan(0);
  });

  it('takes what a reader does not need, and holds up neither reader nor writer', () => {
    write(50);
    using reader = Database.open({ file, ...OPTIONS, readOnly: true });
    reader.begin();
    const count = reader.prepare('SELECT count(*) AS rows FROM t');
    expect(count.get()).toEqual({ rows: 50 });
    write(50);
    mover.handle([null]);
    const left = db.log.unmoved;
    expect(left).toBeGreaterThan(40);
    expect(left).toBeLessThan(80);
    write(5);
    expect(count.get()).toEqual({ rows: 50 });
    reader.rollback();
    mover.handle([null]);
    expect(db.log.unmoved).toBe(0);
  });

  it('loses nothing when everything stops in the middle of it', () => {
    write(50);
    using reader = Database.open({ file, ...OPTIONS, readOnly: true });
    reader.begin();
    reader.prepare('SELECT count(*) FROM t').get();
    write(50);
    mover.handle([null]);
    const left = db.log.unmoved;
    expect(left, 'some are moved, some are not').toBeGreaterThan(40);
    expect(left).toBeLessThan(80);
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
    expect(rowsOf(copy)).toEqual({ rows: 100 });
  });

  it('says what went wrong, and leaves the rest to the writer', () => {
    write(100);
    mover.close();
    expect(() => mover.handle([null])).not.toThrow();
    expect(answers).toEqual([{ failure: expect.stringContaining('finalized') }]);
    expect(db.checkpoint('passive')).toBe(true);
    mover = create({ file, leastPages: 10 }, () => {});
  });

  it('does not make a file that is gone', () => {
    const gone = join(folder, 'gone.db');
    expect(() => create({ file: gone, leastPages: 10 }, () => {})).toThrow('unable to open');
    expect(existsSync(gone)).toBe(false);
  });
});
