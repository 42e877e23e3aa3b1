import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommitMark } from './commit-mark.ts';
import { Database, PAGE_BYTES } from './database.ts';
import { faultOf } from './faults.ts';

const MIGRATIONS = ['CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT'];
const APPLICATION = 0x0074_6573;

let dir: string;
let file: string;
const opened: Database[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-database-'));
  file = join(dir, 'things.db');
});
afterEach(() => {
  for (const db of opened.splice(0)) db.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(more: Partial<Parameters<typeof Database.open>[0]> = {}): Database {
  const db = Database.open({ file, migrations: MIGRATIONS, applicationId: APPLICATION, ...more });
  opened.push(db);
  return db;
}

function fill(db: Database, rows: number): void {
  const insert = db.prepare('INSERT INTO things (body) VALUES (?)');
  db.transaction(() => {
    for (let i = 0; i < rows; i++) insert.run(`${i} ${'x'.repeat(200)}`);
  });
}

const count = (db: Database): number => db.prepareRows<[number]>('SELECT count(*) FROM things').get()![0];

function errorOf(run: () => unknown): PlexusError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(PlexusError);
    return error as PlexusError;
  }
  throw new Error('nothing was thrown');
}

describe('database', () => {
  it('is durable, in write-ahead mode, and can give room back', () => {
    const db = open();
    const pragma = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0];
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('auto_vacuum')).toBe(2);
    expect(pragma('page_size')).toBe(PAGE_BYTES);
    expect(pragma('foreign_keys')).toBe(0);
  });

  it('keeps what was committed and takes back what was not', () => {
    const db = open();
    fill(db, 3);
    expect(() =>
      db.transaction(() => {
        db.exec('DELETE FROM things');
        throw new Error('on second thoughts');
      }),
    ).toThrow('on second thoughts');
    db.close();
    expect(count(open())).toBe(3);
  });

  it('gives rows as objects or as arrays', () => {
    const db = open();
    fill(db, 2);
    expect(db.prepare('SELECT id FROM things').all()).toEqual(
      [{ id: 1 }, { id: 2 }].map((row) => expect.objectContaining(row)),
    );
    expect(db.prepareRows('SELECT id FROM things').all()).toEqual([[1], [2]]);
    expect([...db.prepareRows('SELECT id FROM things').iterate()]).toEqual([[1], [2]]);
    expect(db.prepare('SELECT id FROM things WHERE id = 9').get()).toBeUndefined();
  });

  it('shows a reader what was committed when its transaction began', () => {
    const writer = open();
    const reader = open({ readOnly: true });
    fill(writer, 1);
    reader.transaction(() => {
      expect(count(reader)).toBe(1);
      fill(writer, 1);
      expect(count(reader)).toBe(1);
    });
    expect(count(reader)).toBe(2);
    expect(errorOf(() => reader.exec('DELETE FROM things')).code).toBe('store_unavailable');
  });

  it('empties its log on request, and when it is closed', () => {
    const db = open();
    fill(db, 100);
    expect(db.walBytes).toBeGreaterThan(PAGE_BYTES);
    expect(db.checkpoint('truncate')).toBe(true);
    expect(db.walBytes).toBe(0);
    expect(statSync(file).size).toBeGreaterThan(100 * 200);
  });

  it('keeps its log within a bound where readers leave it a moment', () => {
    const maxWalBytes = 1024 * 1024;
    const db = open({ maxWalBytes });
    const [one, other] = [open({ readOnly: true }), open({ readOnly: true })];
    const insert = db.prepare('INSERT INTO things (body) VALUES (?)');
    const write = (commits: number): void => {
      for (let i = 0; i < commits; i++) db.transaction(() => insert.run('x'.repeat(20_000)));
    };
    one.begin();
    expect(count(one)).toBe(0);
    write(128);
    // Nothing helps while one reads on; it holds up commits for moments only.
    expect(db.walBytes).toBeGreaterThan(2 * maxWalBytes);
    one.rollback();
    other.begin();
    expect(count(other)).toBe(128);
    other.rollback();
    write(128);
    const before = db.walBytes;
    write(256);
    expect(db.walBytes).toBeLessThanOrEqual(before);
    expect(count(one)).toBe(512);
  });

  it('leaves mistakes in SQL as they are', () => {
    expect(() => open().exec('SELECT absent FROM things')).toThrow(/no such column/);
  });
});

describe('schema', () => {
  it('is brought up to date in one step, or not at all', () => {
    fill(open(), 1);
    opened.pop()!.close();
    const second = 'ALTER TABLE things ADD COLUMN more TEXT';
    expect(() => open({ migrations: [...MIGRATIONS, second, 'CREATE NONSENSE'] })).toThrow(/syntax/);
    const db = open({ migrations: [...MIGRATIONS, second] });
    expect(db.prepareRows('SELECT more FROM things').all()).toEqual([[null]]);
  });

  it('of a newer version is refused', () => {
    open({ migrations: [...MIGRATIONS, 'CREATE TABLE later (id INTEGER)'] }).close();
    const error = errorOf(() => open());
    expect(error.code).toBe('store_newer');
    expect(error.details).toEqual({ file, found: 2, known: 1 });
  });

  it.each([
    ['of another program', 'PRAGMA application_id = 1'],
    ['without a version', 'PRAGMA user_version = 0'],
    ['with other tables', 'DROP TABLE things; CREATE TABLE things (id INTEGER PRIMARY KEY)'],
  ])('%s is refused as damaged', (_name, sql) => {
    const db = open();
    db.exec(sql);
    db.close();
    expect(errorOf(() => open())).toMatchObject({ code: 'store_damaged', details: { file } });
  });
});

it('what the file system refuses is said to be unavailable, and no room to be full', () => {
  mkdirSync(file);
  expect(errorOf(() => open()).code).toBe('store_unavailable');
  writeFileSync(join(dir, 'plain'), '');
  expect(errorOf(() => open({ file: join(dir, 'plain', 'things.db') })).code).toBe('store_unavailable');
  for (const [code, meant] of [
    ['ENOSPC', 'store_full'],
    ['EDQUOT', 'store_full'],
    ['EACCES', 'store_unavailable'],
  ]) {
    const error = Object.assign(new Error(`${code}: as told, open`), { code, syscall: 'open' });
    expect(faultOf(error, file)).toMatchObject({ code: meant });
  }
});

describe('a damaged file is refused', () => {
  it('if it is no database', () => {
    writeFileSync(file, 'once upon a time '.repeat(1000));
    expect(errorOf(() => open()).code).toBe('store_damaged');
  });

  it('if it is cut off', () => {
    const db = open();
    fill(db, 200);
    db.close();
    truncateSync(file, statSync(file).size - PAGE_BYTES);
    const error = errorOf(() => open());
    expect(error).toMatchObject({ code: 'store_damaged', details: { file } });
    expect(error.message).toMatch(/cut off/);
  });

  it('if it is empty but has a log', () => {
    const db = open();
    fill(db, 200);
    const copy = join(dir, 'copy.db');
    copyFileSync(`${file}-wal`, `${copy}-wal`);
    writeFileSync(copy, '');
    expect(errorOf(() => open({ file: copy })).message).toMatch(/empty/);
  });

  it.each(['-wal', '.mark'])('if it is gone, but its %s is there', (left) => {
    const db = open();
    fill(db, 20);
    const copy = join(dir, 'copy.db');
    using mark = CommitMark.open(file);
    mark.write(19);
    copyFileSync(file + left, copy + left);
    const { code, message } = errorOf(() => open({ file: copy }));
    expect(code).toBe('store_damaged');
    for (const suffix of ['', '-wal', '-shm', '.mark']) expect(message).toContain(`${copy}${suffix}`);
    expect(readFileSync(copy + left)).toEqual(readFileSync(file + left));
    expect(existsSync(copy)).toBe(false);
  });

  it.each([
    [19, 0, true],
    [-1, 3, true],
    [-1, 0, false],
  ])('if it is gone, but its mark says position %i and %i changes: %s', (position, changes, isRefused) => {
    using mark = CommitMark.open(file);
    mark.write(position, changes);
    if (isRefused) expect(errorOf(() => open())).toMatchObject({ code: 'store_damaged', details: { file } });
    else expect(count(open())).toBe(0);
  });

  it('and left as it is if it is of another program', () => {
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE a (x); INSERT INTO a VALUES (1)');
    other.close();
    const before = readFileSync(file);
    expect(errorOf(() => open())).toMatchObject({ code: 'store_damaged', details: { file } });
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(dir)).toEqual(['things.db']);
  });

  it('but not if its log has what it lacks', () => {
    const db = open();
    fill(db, 200);
    const copy = join(dir, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
    expect(count(open({ file: copy }))).toBe(200);
  });
});
