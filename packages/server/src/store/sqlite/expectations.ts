import { PlexusError } from '@plexus/protocol';
import { Expected, expectedText } from '../append-codec.ts';
import { Deleted, type Head } from './heads.ts';

/**
 * Checks what a write expects of its stream. A deleted stream does not exist, but goes on after its last version.
 * @param head null: there never was such a stream
 * @param expected code of the expected version
 * @throws {PlexusError} stream_tombstoned, wrong_expected_version
 */
export function checkExpected(stream: string, head: Head | null, expected: number): void {
  if (head !== null && head.deleted === Deleted.Tombstone) throw new PlexusError('stream_tombstoned', { stream });
  if (expected === Expected.Any) return;
  const exists = head?.exists ?? false;
  const actual = head?.version ?? -1;
  if (expected === Expected.None ? !exists : expected === Expected.Exists ? exists : expected === actual) return;
  throw new PlexusError('wrong_expected_version', { stream, expected: expectedText(expected), actual });
}
