import { existsSync } from 'node:fs';
import { PlexusError } from '@plexus/protocol';
import { systemClock } from '../lib/clock.ts';
import { damaged, faultOf } from '../lib/sqlite/faults.ts';
import { checkOwner, isBlank } from '../lib/sqlite/file-check.ts';
import { lockFile } from '../lib/sqlite/file-lock.ts';
import { StoreReader } from '../store/sqlite/reader.ts';
import { APPLICATION_ID } from '../store/sqlite/schema.ts';
import { StoreWriter } from '../store/sqlite/writer.ts';
import { type FullReport, verifyAll } from '../store/verify-all.ts';

/**
 * Verifies a store that no node has open: all that a node does when it opens the file, then all that there is in it. What the
 * write-ahead log holds goes into the file, as it would at a start. What is no store is left as it is.
 * @throws {PlexusError} store_unavailable if there is no such file, store_locked, store_newer, store_full
 */
export async function verifyStoreFile(file: string): Promise<FullReport> {
  if (!existsSync(file)) throw new PlexusError('store_unavailable', { store: file, reason: 'there is no such file' });
  try {
    checkIsStore(file);
    return await verifyLocked(file);
  } catch (error) {
    return damageReport(faultOf(error, file));
  }
}

/** A start would make a store of a blank file. */
function checkIsStore(file: string): void {
  checkOwner(file, APPLICATION_ID);
  if (isBlank(file)) throw damaged(file, 'it is empty: there is no store in it');
}

async function verifyLocked(file: string): Promise<FullReport> {
  const lock = lockFile(file);
  try {
    const writer = StoreWriter.open({ file, wallMs: () => systemClock.wallMs() });
    try {
      const reader = StoreReader.open({ file });
      try {
        return await verifyAll((request) => reader.read('verify', request));
      } finally {
        reader.close();
      }
    } finally {
      writer.close();
    }
  } finally {
    lock.release();
  }
}

/** A file that cannot even be opened is a finding as well. */
function damageReport(error: unknown): FullReport {
  if (!(error instanceof PlexusError) || error.code !== 'store_damaged') throw error;
  const { file, problem, position } = error.details;
  const at = typeof position === 'number' ? position : null;
  return { events: 0, streams: 0, faults: [{ where: String(file), problem: String(problem), position: at }] };
}
