import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PlexusError } from '@plexus/protocol';

const INCARNATION_FILE = 'incarnation';

/**
 * The number of a start of this node: milliseconds since 1970, or one more than the last start's where the clock was set back. It is
 * on the disk before it is used, so that no two starts ever have the same.
 * @throws PlexusError `data_dir_unusable` if what was stored cannot be read
 */
export function nextIncarnation(dataDir: string, wallMs: number): number {
  const path = join(dataDir, INCARNATION_FILE);
  const incarnation = Math.max(stored(dataDir, path) + 1, Math.floor(wallMs));
  const temporary = `${path}.next`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${incarnation}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dataDir);
  return incarnation;
}

function stored(dataDir: string, path: string): number {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  const incarnation = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && incarnation < Number.MAX_SAFE_INTEGER) return incarnation;
  throw new PlexusError('data_dir_unusable', { dataDir, reason: `${INCARNATION_FILE} does not hold a number` });
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
