import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { damaged } from './faults.ts';
import { readWal } from './wal-check.ts';

/** https://www.sqlite.org/fileformat2.html#the_database_header */
const HEADER_BYTES = 100;
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

function readStart(file: string): { bytes: number; header: Buffer } {
  const fd = openSync(file, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(fd, header, 0, HEADER_BYTES, 0);
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
