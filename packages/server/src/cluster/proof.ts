import { timingSafeEqual } from 'node:crypto';
import type { ProofContext } from '../peer/link-ports.ts';
import { proofMac } from '../peer/proof-mac.ts';

const DOMAIN = 'plexus cluster proof 1';
export const MAC_BYTES = 32;

export function mac(secret: string, cluster: string, context: ProofContext): Buffer {
  return proofMac(secret, DOMAIN, cluster, context);
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
