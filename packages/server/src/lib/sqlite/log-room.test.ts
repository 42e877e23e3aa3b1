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

  it('is made once, and again when the log has gone past it', () => {
    using db = Database.open({ file, ...OPTIONS });
    const room = new LogRoom(file);
    room.tend();
    const made = walBytes();
    expect(made).toBeGreaterThan(4 * MiB);
    room.tend();
    expect(walBytes()).toBe(made);
    db.exec('PRAGMA wal_autocheckpoint = 0');
    const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
    for (let i = 0; i < 6; i++) db.transaction(() => insert.run('x'.repeat(MiB)));
    expect(walBytes()).toBeGreaterThan(made);
    room.tend();
    expect(walBytes()).toBeGreaterThan(10 * MiB);
  });

  it('changes nothing about what is found after a crash', () => {
    using db = Database.open({ file, ...OPTIONS });
    const room = new LogRoom(file);
    room.tend();
    const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
    for (let i = 0; i < 20; i++) insert.run(`row ${i}`);
    // As the files lie when the process is killed.
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
    using found = Database.open({ file: copy, ...OPTIONS });
    expect(found.prepare('SELECT count(*) AS rows FROM t').get()).toEqual({ rows: 20 });
  });

  it('is no fault of a log that is not there', () => {
    expect(() => new LogRoom(join(folder, 'nothing.db')).tend()).not.toThrow();
  });
});
