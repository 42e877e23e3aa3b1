import { PlexusError } from '@plexus/protocol';
import type { Database } from '../../lib/sqlite/database.ts';
import type { DeleteStreamRequest, DeleteStreamResult } from '../append.ts';
import { expectedCode } from '../append-codec.ts';
import { checkName } from '../names.ts';
import { EarlierDeletes } from './earlier-deletes.ts';
import { checkExpected } from './expectations.ts';
import { Deleted, type Head, type Heads } from './heads.ts';

/** A request that may come again: with the same id it is answered as the first time. */
interface RepeatableDelete extends DeleteStreamRequest {
  readonly requestId?: string;
}

/** @throws {PlexusError} stream_not_found, bad_request */
export function existingHead(heads: Heads, stream: string): Head {
  checkName('stream', stream);
  const head = heads.find(stream);
  if (head === null) throw new PlexusError('stream_not_found', { stream });
  return head;
}

/** Deletes streams, and their snapshots with them. */
export function deleteStream(db: Database, heads: Heads) {
  const earlier = new EarlierDeletes(db);
  const dropSnapshots = db.prepare('DELETE FROM snapshots WHERE stream = ?');

  const check = ({ stream, expectedVersion = 'any' }: DeleteStreamRequest): Head => {
    const expected = expectedCode(expectedVersion);
    const head = existingHead(heads, stream);
    checkExpected(stream, head, expected);
    return head;
  };

  return (request: RepeatableDelete): (() => DeleteStreamResult) => {
    const { tombstone, requestId = null } = request;
    const known = requestId === null ? null : earlier.resultOf(requestId);
    if (known !== null) return () => known;
    let head: Head;
    try {
      head = check(request);
    } catch (error) {
      if (requestId !== null && error instanceof PlexusError) earlier.noteRefusal(requestId, error);
      throw error;
    }
    return () => {
      heads.setDeleted(head, tombstone ? Deleted.Tombstone : Deleted.Soft);
      dropSnapshots.run(head.id);
      const result = { version: head.version };
      if (requestId !== null) earlier.noteResult(requestId, result);
      return result;
    };
  };
}
