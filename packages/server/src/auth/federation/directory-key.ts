import { createHmac } from 'node:crypto';

const DOMAIN = 'plexus mesh key 1';

/**
 * What a key of the mesh is called in the directory: whoever keeps the record, and has no secret of the realm, cannot tell what it
 * stands for. docs/mesh.md says what that hides.
 * @param secret of an epoch
 * @returns 32 bytes
 */
export function directoryKey(
  secret: Uint8Array,
  key: { readonly kind: string; readonly realm: string; readonly path: string },
): Uint8Array {
  // Neither a kind nor a realm holds U+0000, so no two keys have the same text.
  return createHmac('sha256', secret).update(`${DOMAIN}\0${key.kind}\0${key.realm}\0${key.path}`).digest();
}
