import { randomBytes } from 'node:crypto';

/** @returns `bytes` random bytes (default 16: 128 bits) from the system's generator, as lower-case hexadecimal. */
export function randomId(bytes = 16): string {
  return randomBytes(bytes).toString('hex');
}
