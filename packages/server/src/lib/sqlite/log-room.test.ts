import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from './database.ts';
import { LogRoom } from './log-room.ts';

const OPTIONS = { migrations: ['CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)'], applicationId: 7 };
const MiB = 1024 * 1024;

describe('room behind a write-ahead log', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plexus-log-room-'));
    file = join(folder, 'x.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const walBytes = (): number => statSync(`${file}-wal`).size;

  it('is made once, and again when the log comes to its end', () => {
    using db = Database.open({ file, ...OPTIONS });
    const room = new LogRoom(file);
    room.tend(db.log.pages);
    const made = walBytes();
    expect(made).toBeGreaterThan(MiB);
    room.tend(db.log.pages);
    expect(walBytes()).toBe(made);
    db.exec('PRAGMA wal_autocheckpoint = 0');
    const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
    const write = (bytes: number): unknown => db.transaction(() => insert.run('x'.repeat(bytes)));
    write(MiB / 2);
    room.tend(db.log.pages);
    expect(walBytes(), 'half of it is left').toBe(made);
    for (let i = 0; i < 20; i++) {
      write(MiB / 16);
      room.tend(db.log.pages);
      expect(db.log.pages * 4120, 'what was written').toBeLessThanOrEqual(walBytes() - MiB / 8);
    }
    write(3 * MiB);
    expect(walBytes(), 'SQLite went past it').toBeLessThan(db.log.pages * 4120 + MiB / 8);
    room.tend(db.log.pages);
    expect(walBytes()).toBeGreaterThan(db.log.pages * 4120 + MiB / 2);
  });

  it('serves again when the log begins anew', () => {
    using db = Database.open({ file, ...OPTIONS });
    const room = new LogRoom(file);
    room.tend(db.log.pages);
    const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
    const made = walBytes();
    for (let i = 0; i < 20; i++) {
      insert.run('x'.repeat(MiB / 8));
      expect(db.checkpoint('passive')).toBe(true);
      room.tend(db.log.pages);
    }
    expect(walBytes()).toBe(made);
  });

  it('changes nothing about what is found after a crash', () => {
    using db = Database.open({ file, ...OPTIONS });
    const room = new LogRoom(file);
    room.tend(db.log.pages);
    const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
    for (let i = 0; i < 20; i++) insert.run(`row ${i}`);
    // As the files lie when the process is killed.
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
    using found = Database.open({ file: copy, ...OPTIONS });
    expect(found.prepare('SELECT count(*) AS rows FROM t').get()).toEqual({ rows: 20 });
  });

  it('is no fault of a log that is not there', () => {
    using db = Database.open({ file, ...OPTIONS });
    db.checkpoint('truncate');
    expect(() => new LogRoom(file).tend(db.log.pages)).not.toThrow();
    expect(walBytes()).toBe(0);
  });
});
