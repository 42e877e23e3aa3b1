import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const scryptAsync = promisify<string | Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

// The OWASP recommendation for scrypt: 128 · N · r = 16 MiB, about 60 ms.
const COST = 2 ** 14;
const BLOCK_SIZE = 8;
const PARALLELIZATION = 5;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** A hash is the operator's own input, yet a slip of a digit must not take the node's memory. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

interface ParsedHash {
  options: ScryptOptions;
  salt: Buffer;
  hash: Buffer;
}

function parse(text: string): ParsedHash | null {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,4})\$(\d{1,4})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/.exec(text);
  if (match === null) return null;
  const [N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const powerOfTwo = N > 1 && (N & (N - 1)) === 0;
  if (!powerOfTwo || r < 1 || p < 1 || 128 * r * (N + p) > MAX_MEMORY_BYTES) return null;
  const salt = Buffer.from(match[4]!, 'base64url');
  const hash = Buffer.from(match[5]!, 'base64url');
  if (salt.length < 8 || hash.length < 16) return null;
  return { options: { N, r, p, maxmem: MAX_MEMORY_BYTES + 1024 * 1024 }, salt, hash };
}

/** Whether `verifyPassword` can work with this text. */
export function isPasswordHash(text: string): boolean {
  return parse(text) !== null;
}

/** @returns `scrypt$N$r$p$salt$hash`, salt and hash in base64url. Takes some tens of milliseconds, off the event loop. */
export async function hashPassword(password: string | Uint8Array): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const options = { N: COST, r: BLOCK_SIZE, p: PARALLELIZATION, maxmem: MAX_MEMORY_BYTES };
  const hash = await scryptAsync(password, salt, HASH_BYTES, options);
  return `scrypt$${COST}$${BLOCK_SIZE}$${PARALLELIZATION}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** Compares in constant time, off the event loop. False for a text that is no hash. */
export async function verifyPassword(password: string | Uint8Array, passwordHash: string): Promise<boolean> {
  const parsed = parse(passwordHash);
  if (parsed === null) return false;
  const actual = await scryptAsync(password, parsed.salt, parsed.hash.length, parsed.options);
  return timingSafeEqual(actual, parsed.hash);
}
