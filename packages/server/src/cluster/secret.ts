import { deflateRawSync } from 'node:zlib';

/** What a secret has to hold where strangers can reach the peer port. */
export const MIN_SECRET_BITS = 128;
/** Of a new secret. */
export const NEW_SECRET_BYTES = 32;
/** The one that is proven with, and another that is valid while the nodes change over. */
export const MAX_SECRETS = 2;
const MAX_SECRET_CHARS = 1024;

const HEX = /^(?:[0-9a-f]{2})+$|^(?:[0-9A-F]{2})+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$|^[A-Za-z0-9_-]+={0,2}$/;
/** Of English text, by Shannon's experiments ("Prediction and Entropy of Printed English", 1951), 0.6 to 1.3; of words by dice, 2. */
const BITS_PER_CHAR_OF_TEXT = 1.5;
/** Random base64 changes between capitals, small letters and others at 64 % of its places, words in camel case at 20 to 35 %. */
const MIN_CHANGES = 0.4;

/** @param bytes `NEW_SECRET_BYTES` random ones @returns the secret, as base64url */
export function newSecret(bytes: Uint8Array): string {
  const secret = Buffer.from(bytes).toString('base64url');
  // One in two thousand looks like words, and would not be accepted.
  return secretBits(secret) >= MIN_SECRET_BITS ? secret : Buffer.from(bytes).toString('hex');
}

/** @param text of a secret file, or of the environment: one secret per line, empty lines do not count */
export function parseSecrets(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/**
 * At most how many bits somebody has to guess who knows how the secret was made. Random bytes as hexadecimal or base64 count in
 * full. Any other text counts as if somebody had thought it up. Nothing counts for more than it can be compressed to.
 */
export function secretBits(secret: string): number {
  const compressed = deflateRawSync(secret, { level: 9 }).length * 8;
  return Math.floor(Math.min(writtenBits(secret), compressed));
}

/**
 * @param exposed whether anybody but this machine can reach the peer port
 * @returns what secrets would have to be like, or null: these are right. Says nothing of what is in them.
 */
export function secretsProblem(secrets: readonly string[], exposed: boolean): string | null {
  if (secrets.length === 0) return 'a secret; `plexus cluster secret` makes one';
  if (secrets.length > MAX_SECRETS) return `at most ${MAX_SECRETS} secrets, one per line`;
  if (secrets.some((secret) => secret.length > MAX_SECRET_CHARS)) return `at most ${MAX_SECRET_CHARS} characters`;
  if (!exposed) return null;
  const weakest = Math.min(...secrets.map(secretBits));
  if (weakest >= MIN_SECRET_BITS) return null;
  return `at least ${MIN_SECRET_BITS} bits of entropy beyond loopback (this has about ${weakest}); \`plexus cluster secret\` makes one`;
}

function writtenBits(secret: string): number {
  if (HEX.test(secret) && /[0-9]/.test(secret) && /[a-fA-F]/.test(secret)) return secret.length * 4;
  const digits = secret.replace(/=+$/, '');
  if (BASE64.test(secret) && changes(digits) >= MIN_CHANGES) return digits.length * 6;
  return secret.length * BITS_PER_CHAR_OF_TEXT;
}

/** The part of neighbours that are of different kinds: capitals, small letters, others. */
function changes(text: string): number {
  const kinds = Array.from(text, (char) => (/[a-z]/.test(char) ? 0 : /[A-Z]/.test(char) ? 1 : 2));
  const different = kinds.filter((kind, i) => i > 0 && kind !== kinds[i - 1]).length;
  return different / Math.max(1, text.length - 1);
}
