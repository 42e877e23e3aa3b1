import { PlexusError } from '@plexus/protocol';
import type { ExpectedVersion } from '../append.ts';
import { Expected } from '../append-codec.ts';
import { checkName } from '../names.ts';
import { checkExpected } from './expectations.ts';
import { Deleted, type Head, type Heads } from './heads.ts';
import type { Operation } from './operation.ts';

/** @throws {PlexusError} stream_not_found, bad_request */
export function existingHead(heads: Heads, stream: string): Head {
  checkName('stream', stream);
  const head = heads.find(stream);
  if (head === null) throw new PlexusError('stream_not_found', { stream });
  return head;
}

export function deleteStream(heads: Heads): Operation<'deleteStream'> {
  return ({ stream, expectedVersion = 'any', tombstone }) => {
    const head = existingHead(heads, stream);
    checkExpected(stream, head, codeOf(expectedVersion));
    return () => {
      heads.setDeleted(head, tombstone ? Deleted.Tombstone : Deleted.Soft);
      return { version: head.version };
    };
  };
}

function codeOf(expected: ExpectedVersion): number {
  if (typeof expected === 'number') return expected;
  if (expected === 'any') return Expected.Any;
  return expected === 'none' ? Expected.None : Expected.Exists;
}
