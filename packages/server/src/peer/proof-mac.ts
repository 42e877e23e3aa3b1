import { createHmac } from 'node:crypto';
import type { ProofContext } from './link-ports.ts';

/**
 * HMAC-SHA256 over everything that a proof is bound to. Each field is preceded by its length, so that no two lists of fields are the
 * same bytes. The role keeps a proof from being sent back to who made it, the nonces from being used again, the peer ids, which the
 * channel has proven, from being passed on.
 * @param domain so that nothing else that is ever made with the same secret is a proof
 * @param name of what the prover belongs to
 */
export function proofMac(secret: string | Uint8Array, domain: string, name: string, context: ProofContext): Buffer {
  const hmac = createHmac('sha256', secret);
  const length = Buffer.alloc(4);
  const { role, initiatorNonce, responderNonce, initiatorPeerId, responderPeerId, version } = context;
  const who = [initiatorPeerId, responderPeerId, name, String(version)];
  for (const field of [domain, role, initiatorNonce, responderNonce, ...who]) {
    const bytes = typeof field === 'string' ? Buffer.from(field) : field;
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}
