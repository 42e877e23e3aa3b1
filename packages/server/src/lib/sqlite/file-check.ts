import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { CommitMark } from './commit-mark.ts';
import { damaged } from './faults.ts';
import { readWal } from './wal-check.ts';

/** https://www.sqlite.org/fileformat2.html#the_database_header */
const HEADER_BYTES = 100;
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;
/** Of the b-tree page that follows the header, and lists the tables: how many cells it has. */
const CELLS_AT = HEADER_BYTES + 3;
const START_BYTES = HEADER_BYTES + 8;
const PAGES_AT = 28;
const CHANGES_AT = 24;
const PAGES_VALID_FOR_AT = 92;

/**
 * What SQLite does not look at before it opens a file that nobody has open: whether the file is as long as it says, and
 * whether its write-ahead log is whole. @throws {PlexusError} store_damaged
 */
export function checkFile(file: string, pageBytes: number): void {
  const wal = readWal(file, pageBytes);
  const { bytes, header } = readStart(file);
  const pages = Math.floor(bytes / pageBytes);
  if (bytes === 0) {
    // SQLite makes page 1 before it makes a log; it would now throw the log away.
    if (wal.databasePages > 0) throw damaged(file, 'it is empty, but has a write-ahead log');
    return;
  }
  const said = wal.databasePages > 0 ? wal.databasePages : pagesOf(header);
  for (let page = pages + 1; page <= said; page++) {
    // Pages of the log that did not get into the file before a crash.
    if (wal.pages.has(page)) continue;
    throw damaged(file, `it is cut off: ${bytes} bytes, where ${said * pageBytes} should be`);
  }
}

/**
 * Whether a file that is not there was never there. One that was has left its log or its mark, and with a new file SQLite
 * would throw the log away. A mark that says nothing is forgotten. @throws {PlexusError} store_damaged, naming what is left
 */
export function checkMissing(file: string): void {
  const left: string[] = [];
  if (sizeOf(`${file}-wal`) > 0) left.push(`${file}-wal`);
  if (isMarked(file)) left.push(CommitMark.pathOf(file));
  if (left.length === 0) {
    CommitMark.remove(file);
    return;
  }
  const all = [file, `${file}-wal`, `${file}-shm`, CommitMark.pathOf(file)].join(', ');
  const problem = `it is gone, but ${left.join(' and ')} is there; restore it, or move all of these away together: ${all}`;
  throw damaged(file, problem);
}

/**
 * Looks at the file and no other, and changes nothing: whether another program has made it. What only the write-ahead log
 * says is not seen here. @throws {PlexusError} store_damaged
 */
export function checkOwner(file: string, applicationId: number): void {
  const { header } = readStart(file);
  const found = header.readUInt32BE(APPLICATION_ID_AT);
  if (found === applicationId || isUnused(header)) return;
  throw damaged(file, 'it is another program’s database, or damaged at its first page');
}

/** Whether there is nothing in a file, and no log that will put something there. */
export function isBlank(file: string): boolean {
  return isUnused(readStart(file).header) && sizeOf(`${file}-wal`) === 0;
}

/** No bytes, or those that SQLite writes before the first table is made. */
function isUnused(header: Buffer): boolean {
  const fields = [header.readUInt32BE(APPLICATION_ID_AT), header.readUInt32BE(USER_VERSION_AT)];
  return fields.every((field) => field === 0) && header.readUInt16BE(CELLS_AT) === 0;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Whether the mark tells of anything that was acknowledged. */
function isMarked(file: string): boolean {
  if (sizeOf(CommitMark.pathOf(file)) === 0) return false;
  using mark = CommitMark.open(file);
  return (mark.marked ?? -1) >= 0 || mark.changes > 0;
}

function readStart(file: string): { bytes: number; header: Buffer } {
  const fd = openSync(file, 'r');
  try {
    const header = Buffer.alloc(START_BYTES);
    readSync(fd, header, 0, START_BYTES, 0);
    return { bytes: fstatSync(fd).size, header };
  } finally {
    closeSync(fd);
  }
}

/** The number of pages that the header gives, or 0 if it is not to be gone by. */
function pagesOf(header: Buffer): number {
  return header.readUInt32BE(CHANGES_AT) === header.readUInt32BE(PAGES_VALID_FOR_AT)
    ? header.readUInt32BE(PAGES_AT)
    : 0;
}
