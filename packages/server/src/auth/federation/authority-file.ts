import { createWhole, OwnerLock } from '../../lib/owner-lock.ts';
import { RealmAuthority, RealmError } from './realm-authority.ts';
import { readSmallFile, replaceWhole } from './realm-files.ts';

/** Ten times what an authority takes with the longest list of revocations. */
export const MAX_AUTHORITY_FILE_BYTES = 1024 * 1024;

/** Only its owner can read it. @returns false if there is a file of that name already: what it holds could not be had again */
export function createAuthorityFile(path: string, authority: RealmAuthority): boolean {
  return createWhole(path, authority.document());
}

/**
 * Has an authority do something, and keeps what became of it before anybody sees the result: no two tokens get one number.
 * @throws {RealmError} it is in use, is damaged, or cannot do it; nothing has changed then
 */
export function changeAuthorityFile<T>(path: string, change: (authority: RealmAuthority) => T): T {
  const lock = OwnerLock.take(`${path}.lock`);
  if (!(lock instanceof OwnerLock)) throw new RealmError(`${path} is in use by process ${lock.pid}`);
  try {
    const authority = RealmAuthority.parse(readSmallFile(path, MAX_AUTHORITY_FILE_BYTES));
    if (authority === null) throw new RealmError(`${path} is no file of a realm's authority, or is damaged`);
    const result = change(authority);
    replaceWhole(path, authority.document());
    return result;
  } finally {
    lock.release();
  }
}
