import { createHash } from 'node:crypto';
import type {
  EpochSecret,
  FederatedRealm,
  FederatedRealms,
  RealmRights,
  RealmToken,
  TokenProblem,
} from '../auth/federation/federated-realm.ts';
import { couldPublish, mayPublish, maySubscribe } from '../auth/federation/rights.ts';
import type { Clock } from '../lib/clock.ts';

const HOUR_MS = 3_600_000;
const ALL: RealmRights = { subscribe: ['#'], publish: ['#'] };

interface Claims {
  readonly realm: string;
  readonly authorityKey: string;
  readonly peerId: string;
  readonly issue: number;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  readonly rights: RealmRights;
  readonly cluster: string | null;
}

export interface FakeTokenOptions {
  readonly rights?: Partial<RealmRights>;
  readonly cluster?: string | null;
  readonly ttlMs?: number;
  readonly fromMs?: number;
}

/** A token as `FakeAuthority` issues it: its claims in JSON, and a hash in place of a signature. */
class FakeToken implements RealmToken {
  readonly realm: string;
  readonly authorityKey: string;
  readonly peerId: string;
  readonly issue: number;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  readonly rights: RealmRights;
  readonly cluster: string | null;
  readonly bytes: Uint8Array;

  constructor(claims: Claims, bytes: Uint8Array) {
    this.realm = claims.realm;
    this.authorityKey = claims.authorityKey;
    this.peerId = claims.peerId;
    this.issue = claims.issue;
    this.issuedAtMs = claims.issuedAtMs;
    this.notAfterMs = claims.notAfterMs;
    this.rights = claims.rights;
    this.cluster = claims.cluster;
    this.bytes = bytes;
  }

  mayPublish(topic: string): boolean {
    return mayPublish(this.rights, topic);
  }

  maySubscribe(filter: string): boolean {
    return maySubscribe(this.rights, filter);
  }

  couldPublish(filter: string): boolean {
    return couldPublish(this.rights, filter);
  }
}

/** Issues tokens of one realm, without cryptography. */
export class FakeAuthority {
  readonly realm: string;
  readonly key: string;
  secrets: EpochSecret[];
  readonly #clock: Clock;
  #issued = 0;
  #lists = 0;

  constructor(realm: string, clock: Clock, key = `key of ${realm}`) {
    this.realm = realm;
    this.key = key;
    this.#clock = clock;
    this.secrets = [this.secret(1)];
  }

  secret(epoch: number): EpochSecret {
    return { epoch, secret: createHash('sha256').update(`${this.key} ${epoch}`).digest() };
  }

  issue(peerId: string, { rights, cluster = null, ttlMs = HOUR_MS, fromMs = 0 }: FakeTokenOptions = {}): RealmToken {
    const nowMs = this.#clock.wallMs();
    const claims: Claims = {
      realm: this.realm,
      authorityKey: this.key,
      peerId,
      issue: ++this.#issued,
      issuedAtMs: nowMs + fromMs,
      notAfterMs: nowMs + ttlMs,
      rights: { ...ALL, ...rights },
      cluster,
    };
    return new FakeToken(claims, sealed(claims));
  }

  revoke(...issues: number[]): Uint8Array {
    return sealed({ realm: this.realm, number: ++this.#lists, issues });
  }
}

function sealed(content: object): Uint8Array {
  const text = JSON.stringify(content);
  return Buffer.from(`${sealOf(text)}${text}`);
}

function sealOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** null: no such thing; false: changed since */
function opened(bytes: Uint8Array): Record<string, unknown> | null | false {
  const text = Buffer.from(bytes).toString();
  if (text[16] !== '{') return null;
  if (sealOf(text.slice(16)) !== text.slice(0, 16)) return false;
  return JSON.parse(text.slice(16)) as Record<string, unknown>;
}

interface Held {
  readonly authority: FakeAuthority;
  token: RealmToken | null;
  secrets: readonly EpochSecret[];
  list: { readonly number: number; readonly bytes: Uint8Array; readonly issues: readonly number[] } | null;
  isStale: boolean;
}

/** The federated realms of a node under test: what the real ones say, by claims that are believed. */
export class FakeRealms implements FederatedRealms {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<(realm: string) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Federates the realm, or gives the node another token; null: it has none. */
  hold(authority: FakeAuthority, token: RealmToken | null, secrets: readonly EpochSecret[] = authority.secrets): void {
    const held = this.#held.get(authority.realm);
    if (held === undefined) this.#held.set(authority.realm, { authority, token, secrets, list: null, isStale: false });
    else Object.assign(held, { token, secrets });
    this.#changed(authority.realm);
  }

  /** The newest revocations that are known are too old, or no more. */
  setStale(realm: string, isStale: boolean): void {
    this.#held.get(realm)!.isStale = isStale;
    this.#changed(realm);
  }

  list(): FederatedRealm[] {
    return [...this.#held.keys()].map((name) => this.get(name)!);
  }

  get(realm: string): FederatedRealm | null {
    const held = this.#held.get(realm);
    if (held === undefined) return null;
    const { authority, secrets } = held;
    const token = held.token !== null && this.problem(held.token) === null ? held.token : null;
    return { name: realm, authorityKey: authority.key, token, secrets: token === null ? [] : secrets };
  }

  check(bytes: Uint8Array, peerId: string): RealmToken | TokenProblem {
    const claims = opened(bytes);
    if (claims === null) return 'malformed';
    if (claims === false) return 'forged';
    const token = new FakeToken(claims as unknown as Claims, Uint8Array.from(bytes));
    const held = this.#held.get(token.realm);
    if (held === undefined) return 'foreign_realm';
    if (held.authority.key !== token.authorityKey) return 'forged';
    if (token.peerId !== peerId) return 'stolen';
    if (held.isStale) return 'revocations_stale';
    return this.problem(token) ?? token;
  }

  problem(token: RealmToken): TokenProblem | null {
    const nowMs = this.#clock.wallMs();
    if (token.notAfterMs <= nowMs) return 'expired';
    if (token.issuedAtMs > nowMs) return 'not_yet_valid';
    return this.#held.get(token.realm)?.list?.issues.includes(token.issue) ? 'revoked' : null;
  }

  revocations(realm: string): { readonly number: number; readonly bytes: Uint8Array } | null {
    return this.#held.get(realm)?.list ?? null;
  }

  learnRevocations(realm: string, bytes: Uint8Array): boolean {
    const list = opened(bytes) as { realm: string; number: number; issues: number[] } | null | false;
    const held = this.#held.get(realm);
    if (list === null || list === false || held === undefined || list.realm !== realm) return false;
    if (list.number <= (held.list?.number ?? 0)) return false;
    held.list = { number: list.number, bytes: Uint8Array.from(bytes), issues: list.issues };
    held.isStale = false;
    this.#changed(realm);
    return true;
  }

  onChange(listener: (realm: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(realm: string): void {
    for (const listener of [...this.#listeners]) listener(realm);
  }
}
