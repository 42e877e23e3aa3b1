import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { randomId } from '../../lib/random.ts';

/** What a node does with the files of its realms. Paths are as configured. */
export interface RealmFiles {
  /** Tells a file from what it was before, by what a change of any kind changes. null: there is none. */
  looks(path: string): string | null;
  /** @throws if it cannot be read, or has more than `maxBytes` */
  read(path: string, maxBytes: number): string;
  /** It appears whole, in the place of what was there, and its folder if there is none. @throws if it cannot be written */
  replace(path: string, content: string): void;
}

export const systemRealmFiles: RealmFiles = {
  looks: (path) => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? null : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
  },
  read: readSmallFile,
  replace: (path, content) => replaceWhole(path, content),
};

/** @throws if it cannot be read, is no file, or has more than `maxBytes` */
export function readSmallFile(path: string, maxBytes: number): string {
  const stat = statSync(path);
  // Reading from a pipe would wait for whoever writes to it.
  if (!stat.isFile()) throw new Error(`${path} is no file`);
  if (stat.size > maxBytes) throw new Error(`${path} has ${stat.size} bytes, at most ${maxBytes} are read`);
  return readFileSync(path, 'utf8');
}

/**
 * The file has the new content or the old, also after a crash. Its folder is made if there is none.
 * @param mode of the new file
 */
export function replaceWhole(path: string, content: string, mode = 0o600): void {
  const target = behindLinks(path);
  const directory = dirname(target);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Not after the file: its name may be as long as names can be.
  const temporary = join(directory, `.new-${randomId(8)}`);
  try {
    writeAndSync(temporary, content, mode);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const opened = openSync(directory, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

function writeAndSync(path: string, content: string, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    // Not `writeSync`, which may write a part of it and say so.
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Where a link leads, so that it stays one. */
function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw error;
  }
}
