import { PlexusError } from '@plexus/protocol';
import type { Database } from '../../lib/sqlite/database.ts';
import { LIMITS } from '../event.ts';
import { checkName } from '../names.ts';
import { jsonText } from '../record.ts';
import { rowChecksum } from './checksum.ts';
import { Deleted, type Heads } from './heads.ts';
import type { Operation } from './operation.ts';
import { existingHead } from './stream-deletes.ts';

/** Saves and deletes snapshots of streams. */
export function snapshotWrites(db: Database, heads: Heads) {
  const replace = db.prepare(
    'INSERT OR REPLACE INTO snapshots (stream, version, time, data, metadata, checksum) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const deleteOne = db.prepare('DELETE FROM snapshots WHERE stream = ? AND version = ?');
  const deleteAll = db.prepare('DELETE FROM snapshots WHERE stream = ?');

  const saveSnapshot: Operation<'saveSnapshot'> = ({ stream, version, data, metadata }, { timeUs }) => {
    const head = existingHead(heads, stream);
    if (head.deleted === Deleted.Tombstone) throw new PlexusError('stream_tombstoned', { stream });
    if (head.deleted === Deleted.Soft) throw new PlexusError('stream_deleted', { stream });
    // What was deleted stays so when the stream is written again.
    if (!Number.isSafeInteger(version) || version < head.first || version > head.version) {
      throw new PlexusError('bad_request', { reason: `stream ${stream} has no version ${version}` });
    }
    const dataText = jsonText('data', data ?? null);
    const metadataText = metadata == null ? null : jsonText('metadata', metadata);
    if (Buffer.byteLength(dataText) + Buffer.byteLength(metadataText ?? '') > LIMITS.maxEventBytes) {
      throw new PlexusError('payload_too_large', { maxBytes: LIMITS.maxEventBytes });
    }
    return () => {
      const checksum = rowChecksum('snapshots', head.id, version, timeUs, dataText, metadataText);
      replace.run(head.id, version, timeUs, dataText, metadataText, checksum);
      return { stream, version, savedUs: timeUs };
    };
  };

  const deleteSnapshots: Operation<'deleteSnapshots'> = ({ stream, version }) => {
    checkName('stream', stream);
    // Of a stream that never was there are none.
    const head = heads.find(stream);
    return () => {
      if (head === null) return { deleted: 0 };
      const { changes } = version === null ? deleteAll.run(head.id) : deleteOne.run(head.id, version);
      return { deleted: changes };
    };
  };

  return { saveSnapshot, deleteSnapshots };
}
