import { REALM_PATTERN } from './users.ts';

/** A realm of the configuration file. */
export interface RealmConfig {
  readonly name: string;
  /** Whether it crosses the border of the cluster. */
  readonly federated: boolean;
  /** Ed25519 public key of the realm's authority, base64url, as `plexus realm create` prints it; null unless federated. */
  readonly authorityKey: string | null;
  /** What `plexus realm issue` has written for this node; null: `DATA_DIR/realms/{name}.token`. */
  readonly tokenFile: string | null;
  /** What `plexus realm revoke` has written; null: only what other nodes pass on. */
  readonly revocationsFile: string | null;
}

/** What is wrong with one key. */
export interface RealmFault {
  key: string;
  given: unknown;
  allowed: string;
}

const KEYS = ['name', 'federated', 'authorityKey', 'tokenFile', 'revocationsFile'] as const;
/** 32 bytes. */
const AUTHORITY_KEY = /^[A-Za-z0-9_-]{43}$/;
/** Every link shows which of them it is for. */
const MAX_FEDERATED = 32;

/** @returns the realms, or the first fault. Duplicates are faults. */
export function parseRealms(value: unknown): readonly RealmConfig[] | RealmFault {
  if (!Array.isArray(value)) return { key: 'realms', given: value, allowed: `a list of {${KEYS.join(', ')}}` };
  const realms: RealmConfig[] = [];
  const names = new Set<string>();
  for (const [index, entry] of value.entries()) {
    const at = `realms[${index}]`;
    const realm = parseRealm(entry, at);
    if ('allowed' in realm) return realm;
    if (names.has(realm.name)) {
      return { key: `${at}.name`, given: realm.name, allowed: 'a name that no other realm has' };
    }
    names.add(realm.name);
    realms.push(Object.freeze(realm));
  }
  const federated = realms.filter((realm) => realm.federated).length;
  if (federated > MAX_FEDERATED) {
    return {
      key: 'realms',
      given: `${federated} federated realms`,
      allowed: `at most ${MAX_FEDERATED} of them federated`,
    };
  }
  return Object.freeze(realms);
}

function parseRealm(entry: unknown, at: string): RealmConfig | RealmFault {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { key: at, given: entry, allowed: `a table of ${KEYS.join(', ')}` };
  }
  const unknown = Object.keys(entry).find((key) => !(KEYS as readonly string[]).includes(key));
  if (unknown !== undefined) return { key: `${at}.${unknown}`, given: 'unknown', allowed: KEYS.join(', ') };
  const {
    name,
    federated = false,
    authorityKey = null,
    tokenFile = null,
    revocationsFile = null,
  } = entry as Record<string, unknown>;
  if (typeof name !== 'string' || !REALM_PATTERN.test(name)) {
    return { key: `${at}.name`, given: name, allowed: '1 to 200 letters, digits, dots, dashes and underscores' };
  }
  if (typeof federated !== 'boolean') return { key: `${at}.federated`, given: federated, allowed: 'true or false' };
  if (federated ? typeof authorityKey !== 'string' || !AUTHORITY_KEY.test(authorityKey) : authorityKey !== null) {
    const allowed = federated ? 'what plexus realm create prints: 43 characters' : 'only with federated: true';
    return { key: `${at}.authorityKey`, given: authorityKey ?? undefined, allowed };
  }
  for (const [key, file] of Object.entries({ tokenFile, revocationsFile })) {
    if (file === null || (federated && typeof file === 'string' && file !== '')) continue;
    return { key: `${at}.${key}`, given: file, allowed: federated ? 'a file' : 'only with federated: true' };
  }
  return { name, federated, authorityKey, tokenFile, revocationsFile } as RealmConfig;
}
