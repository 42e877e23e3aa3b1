import { PlexusError } from '@plexus/protocol';
import { nameProblem } from '../lib/names.ts';

export { decodeLevel, encodeLevel, MAX_NAME_BYTES, nameProblem } from '../lib/names.ts';

/** @throws {PlexusError} bad_request */
export function checkName(what: string, name: unknown): asserts name is string {
  const problem = nameProblem(name);
  if (problem !== null) throw new PlexusError('bad_request', { reason: `${what} ${problem}` });
}
