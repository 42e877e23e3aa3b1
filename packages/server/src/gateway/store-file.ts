import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { faultOf } from '../lib/sqlite/faults.ts';

/** File systems allow 255 bytes, and suffixes such as `.db-wal` come after it. */
const MAX_BYTES = 200;
const KEPT_BYTES = 100;

/**
 * A name as a file name: lower-case letters, digits, `-` and `_` as they are, every other byte of its UTF-8 as `%XX`, upper-case
 * letters too, since some file systems take them for the same. What becomes too long is cut and ends in `~` and a hash.
 */
export function fileNameOf(name: string): string {
  const bytes = Buffer.from(name);
  let text = '';
  for (const byte of bytes) {
    const sign = String.fromCharCode(byte);
    text += /[a-z0-9_-]/.test(sign) ? sign : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  if (text.length <= MAX_BYTES) return text;
  return `${text.slice(0, KEPT_BYTES)}~${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Where a store of a realm is kept: `{dataDir}/stores/{realm}/{name}.db`. */
export function storeFile(dataDir: string, realm: string, name: string): string {
  return join(dataDir, 'stores', fileNameOf(realm), `${fileNameOf(name)}.db`);
}

/**
 * Makes the directory of `file`, and sees that it is still there after a loss of power.
 * @throws {PlexusError} store_full, store_unavailable
 */
export function makeDirectoryOf(file: string): void {
  try {
    makeDirectories(file);
  } catch (error) {
    throw faultOf(error, file);
  }
}

function makeDirectories(file: string): void {
  const path = dirname(file);
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // The entry of a directory is in the one above it.
  for (let at = path; at.startsWith(first); at = dirname(at)) syncDirectory(dirname(at));
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
