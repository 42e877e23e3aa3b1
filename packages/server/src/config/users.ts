import { isPasswordHash } from '../lib/password.ts';

/** A user of the configuration file. */
export interface UserConfig {
  readonly name: string;
  /** As `plexus passwd` prints it. */
  readonly passwordHash: string;
  /** The realm of the user's connections. */
  readonly realm: string;
}

const KEYS = new Set(['name', 'passwordHash', 'realm']);
const MAX_NAME_BYTES = 200;
export const DEFAULT_REALM = 'default';
/** Realm names stand in URLs, metrics and file names as they are. */
export const REALM_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** What is wrong with one key of the table. */
export interface UserFault {
  key: string;
  given: unknown;
  allowed: string;
}

/** @returns the users, or the first fault. Duplicates are faults. */
export function parseUsers(value: unknown): readonly UserConfig[] | UserFault {
  if (!Array.isArray(value)) return { key: 'users', given: value, allowed: 'a list of {name, passwordHash, realm}' };
  const users: UserConfig[] = [];
  const names = new Set<string>();
  for (const [index, entry] of value.entries()) {
    const at = `users[${index}]`;
    const user = parseUser(entry, at);
    if ('allowed' in user) return user;
    if (names.has(user.name)) return { key: `${at}.name`, given: user.name, allowed: 'a name that no other user has' };
    names.add(user.name);
    users.push(Object.freeze(user));
  }
  return Object.freeze(users);
}

function parseUser(entry: unknown, at: string): UserConfig | UserFault {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { key: at, given: entry, allowed: 'a table with name, passwordHash and realm' };
  }
  const unknown = Object.keys(entry).find((key) => !KEYS.has(key));
  if (unknown !== undefined) {
    return { key: `${at}.${unknown}`, given: 'unknown', allowed: [...KEYS].join(', ') };
  }
  const { name, passwordHash, realm = DEFAULT_REALM } = entry as Record<string, unknown>;
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return { key: `${at}.name`, given: name, allowed: `a text of 1 to ${MAX_NAME_BYTES} bytes` };
  }
  if (typeof passwordHash !== 'string' || !isPasswordHash(passwordHash)) {
    // The value is a secret, or was meant as one.
    return { key: `${at}.passwordHash`, given: 'something else', allowed: 'what plexus passwd prints (scrypt$…)' };
  }
  if (typeof realm !== 'string' || !REALM_PATTERN.test(realm)) {
    return { key: `${at}.realm`, given: realm, allowed: '1 to 200 letters, digits, dots, dashes and underscores' };
  }
  return { name, passwordHash, realm };
}
