import { PlexusError } from '@plexus/protocol';
import { OwnerLock } from '../owner-lock.ts';

/**
 * Takes `file` for this process, by `<file>.lock` beside it. SQLite itself lets any number of processes write in turn.
 * @throws {PlexusError} store_locked while another process (or this one) has it
 */
export function lockFile(file: string): OwnerLock {
  const lock = OwnerLock.take(`${file}.lock`);
  if (lock instanceof OwnerLock) return lock;
  throw new PlexusError('store_locked', { file, pid: lock.pid });
}
