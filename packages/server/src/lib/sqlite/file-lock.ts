import { PlexusError } from '@plexus/protocol';
import { OwnerLock } from '../owner-lock.ts';
import { faultOf } from './faults.ts';
import { KernelLock } from './kernel-lock.ts';

/**
 * Takes `file` for this process. SQLite itself lets any number of processes write in turn. What decides is a lock of the
 * kernel on `<file>.guard`, which stays behind; `<file>.lock` says whose it is, and stands for file systems that do not pass
 * locks on to other machines.
 * @throws {PlexusError} store_locked while another process (or this one) has it; store_unavailable, store_full
 */
export function lockFile(file: string): OwnerLock {
  const path = `${file}.lock`;
  try {
    const guard = KernelLock.take(`${file}.guard`);
    const lock = guard === null ? { pid: OwnerLock.pidIn(path) } : OwnerLock.take(path, guard);
    if (lock instanceof OwnerLock) return lock;
    throw new PlexusError('store_locked', { file, pid: lock.pid });
  } catch (error) {
    throw faultOf(error, file);
  }
}
