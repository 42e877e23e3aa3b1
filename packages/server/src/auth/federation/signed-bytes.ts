import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Ed25519, RFC 8032 §5.1.6. */
const SIGNATURE_BYTES = 64;
/** What goes before the seed of an Ed25519 key in PKCS #8 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** What a signature is for: one that was made for one kind of document is worth nothing under another. */
export const TOKEN_DOMAIN = 'plexus realm token 1\0';
export const REVOCATIONS_DOMAIN = 'plexus realm revocations 1\0';

/** @param seed 32 bytes */
export function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/** The authority key that belongs to a private key. */
export function authorityKeyOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'jwk' }).x!;
}

/** @param authorityKey as `isAuthorityKey` wants it */
export function publicKeyOf(authorityKey: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: authorityKey }, format: 'jwk' });
}

/** A text in UTF-8 with its signature behind it. */
export function signText(domain: string, text: string, privateKey: KeyObject): Uint8Array {
  const body = Buffer.from(text);
  const signature = sign(null, Buffer.concat([Buffer.from(domain), body]), privateKey);
  return new Uint8Array(Buffer.concat([body, signature]));
}

/** The text before the signature, which has still to be checked; null: there is not even room for one. */
export function signedText(bytes: Uint8Array): string | null {
  if (bytes.length <= SIGNATURE_BYTES) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - SIGNATURE_BYTES).toString();
}

export function isSigned(domain: string, bytes: Uint8Array, publicKey: KeyObject): boolean {
  const end = bytes.length - SIGNATURE_BYTES;
  const content = Buffer.concat([Buffer.from(domain), bytes.subarray(0, end)]);
  return verify(null, content, publicKey, bytes.subarray(end));
}
