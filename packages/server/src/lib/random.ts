import { randomBytes } from 'node:crypto';

/** @returns `bytes` random bytes (default 16: 128 bits) from the system's generator, as lower-case hexadecimal. */
export function randomId(bytes = 16): string {
  return randomBytes(bytes).toString('hex');
}

/** @returns a number in [0, 1), for spreading load: anybody may foresee it. */
export function randomFraction(): number {
  return Math.random();
}
