import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ProofContext } from '../peer/link-ports.ts';

/** So that nothing else that is ever made with the same secret is a proof. */
const DOMAIN = 'plexus cluster proof 1';
export const MAC_BYTES = 32;

/**
 * HMAC-SHA256 over everything that a proof is bound to. Each field is preceded by its length, so that no two lists of fields are the
 * same bytes. The role keeps a proof from being sent back to who made it, the nonces from being used again, the peer ids, which the
 * channel has proven, from being passed on.
 */
export function mac(secret: string, cluster: string, context: ProofContext): Buffer {
  const hmac = createHmac('sha256', secret);
  const length = Buffer.alloc(4);
  const fields = [
    DOMAIN,
    context.role,
    context.initiatorNonce,
    context.responderNonce,
    context.initiatorPeerId,
    context.responderPeerId,
    cluster,
    String(context.version),
  ];
  for (const field of fields) {
    const bytes = typeof field === 'string' ? Buffer.from(field) : field;
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}

/** @returns one MAC per secret, in their order */
export function makeProof(secrets: readonly string[], cluster: string, context: ProofContext): Uint8Array {
  return Buffer.concat(secrets.map((secret) => mac(secret, cluster, context)));
}

/** @returns whether any MAC of `proof` was made with any of the secrets; takes as long for one that is wrong as for one that is right */
export function checkProof(
  secrets: readonly string[],
  maxMacs: number,
  cluster: string,
  context: ProofContext,
  proof: Uint8Array,
): boolean {
  const count = proof.length / MAC_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > maxMacs) return false;
  let right = 0;
  for (const secret of secrets) {
    const expected = mac(secret, cluster, context);
    for (let at = 0; at < proof.length; at += MAC_BYTES) {
      right |= Number(timingSafeEqual(expected, proof.subarray(at, at + MAC_BYTES)));
    }
  }
  return right === 1;
}
