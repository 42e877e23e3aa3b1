import { REALM_PATTERN } from '../../config/users.ts';

/** What every document of a realm is made of. Everything here may be handed anything. */

/** The last moment that a date can name, ms since 1970 (ECMA-262 §21.4.1.1). */
const MAX_TIME_MS = 8.64e15;
const KEY_BYTES = 32;
/** Of libp2p, of any kind of key; whether it is the right one, the connection shows. */
const PEER_ID = /^[A-Za-z0-9-]{1,128}$/;

/** A whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Milliseconds since 1970. */
export function isTime(value: unknown): value is number {
  return isCount(value) && value <= MAX_TIME_MS;
}

/** As realms and clusters are called. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && REALM_PATTERN.test(value);
}

export function isPeerId(value: unknown): value is string {
  return typeof value === 'string' && PEER_ID.test(value);
}

/** 32 bytes in base64url: an Ed25519 public key. */
export function isAuthorityKey(value: unknown): value is string {
  return typeof value === 'string' && fromBase64Url(value)?.length === KEY_BYTES;
}

export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/** null: it is none, or there is a shorter way to say the same */
export function fromBase64Url(value: unknown): Uint8Array | null {
  if (typeof value !== 'string') return null;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.toString('base64url') === value ? bytes : null;
}

/** The table in a text of JSON; null: it is none. */
export function parseTable(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return asTable(JSON.parse(text));
  } catch {
    return null;
  }
}

/** null: it is no table */
export function asTable(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return value as Readonly<Record<string, unknown>>;
}
