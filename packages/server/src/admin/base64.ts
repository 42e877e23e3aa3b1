import { PlexusError } from '@plexus/protocol';

/**
 * @param field where it stands in the body, for the error
 * @throws {PlexusError} bad_request
 */
export function fromBase64(text: string, field: string): Buffer {
  // Buffer ignores what is not base64; a caller would find half of its bytes gone.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new PlexusError('bad_request', { reason: `body/${field} is not base64` });
  }
  return Buffer.from(text, 'base64');
}
