import type { KeyObject } from 'node:crypto';
import { isAuthorityKey, isCount, isName, isPeerId, isTime, parseTable } from './claim-shape.ts';
import type { RealmToken } from './federated-realm.ts';
import { isSigned, REVOCATIONS_DOMAIN, signedText, signText } from './signed-bytes.ts';

/** With its signature: so that it fits a control frame. */
export const MAX_REVOCATIONS_BYTES = 60 * 1024;
export const DEFAULT_REVOCATIONS_AGE_MS = 30 * 24 * 60 * 60 * 1000;

/** All tokens of a peer up to an issue number. */
export interface RevokedPeer {
  readonly peerId: string;
  readonly upToIssue: number;
}

/** What an authority says in a list. */
export interface RevocationClaims {
  readonly realm: string;
  readonly authorityKey: string;
  /** Grows with each list of the realm. */
  readonly number: number;
  readonly issuedAtMs: number;
  /** From then on nobody who knows it accepts any token: there should be a newer one. */
  readonly notAfterMs: number;
  /** Issue numbers. */
  readonly issues: readonly number[];
  readonly peers: readonly RevokedPeer[];
}

/** A list whose shape is right; whoever gets one from outside has to check `isSignedBy`. */
export class RevocationList implements RevocationClaims {
  readonly realm: string;
  readonly authorityKey: string;
  readonly number: number;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  readonly issues: readonly number[];
  readonly peers: readonly RevokedPeer[];
  /** As it travels. */
  readonly bytes: Uint8Array;
  readonly #issues: ReadonlySet<number>;
  readonly #upToIssue: ReadonlyMap<string, number>;

  private constructor(claims: RevocationClaims, bytes: Uint8Array) {
    this.realm = claims.realm;
    this.authorityKey = claims.authorityKey;
    this.number = claims.number;
    this.issuedAtMs = claims.issuedAtMs;
    this.notAfterMs = claims.notAfterMs;
    this.issues = claims.issues;
    this.peers = claims.peers;
    this.bytes = bytes;
    this.#issues = new Set(claims.issues);
    this.#upToIssue = new Map(claims.peers.map(({ peerId, upToIssue }) => [peerId, upToIssue]));
  }

  /** null: they would take more than `MAX_REVOCATIONS_BYTES` */
  static sign(claims: RevocationClaims, privateKey: KeyObject): RevocationList | null {
    const bytes = signText(REVOCATIONS_DOMAIN, textOf(claims), privateKey);
    return bytes.length > MAX_REVOCATIONS_BYTES ? null : new RevocationList(claims, bytes);
  }

  /** @returns null: malformed */
  static parse(bytes: Uint8Array): RevocationList | null {
    const text = bytes.length > MAX_REVOCATIONS_BYTES ? null : signedText(bytes);
    const claims = text === null ? null : readClaims(text);
    return claims === null ? null : new RevocationList(claims, new Uint8Array(bytes));
  }

  isSignedBy(publicKey: KeyObject): boolean {
    return isSigned(REVOCATIONS_DOMAIN, this.bytes, publicKey);
  }

  isStale(nowMs: number): boolean {
    return nowMs >= this.notAfterMs;
  }

  revokes({ issue, peerId }: Pick<RealmToken, 'issue' | 'peerId'>): boolean {
    return this.#issues.has(issue) || issue <= (this.#upToIssue.get(peerId) ?? -1);
  }
}

function textOf(claims: RevocationClaims): string {
  return JSON.stringify({
    realm: claims.realm,
    authorityKey: claims.authorityKey,
    number: claims.number,
    issuedAtMs: claims.issuedAtMs,
    notAfterMs: claims.notAfterMs,
    issues: claims.issues,
    peers: claims.peers.map(({ peerId, upToIssue }) => [peerId, upToIssue]),
  });
}

function readClaims(text: string): RevocationClaims | null {
  const table = parseTable(text);
  if (table === null) return null;
  const { realm, authorityKey, number, issuedAtMs, notAfterMs, issues, peers } = table;
  if (!isName(realm) || !isAuthorityKey(authorityKey) || !isCount(number)) return null;
  if (!isTime(issuedAtMs) || !isTime(notAfterMs) || notAfterMs <= issuedAtMs) return null;
  if (!Array.isArray(issues) || !issues.every(isCount) || !Array.isArray(peers) || !peers.every(isRevokedPeer)) {
    return null;
  }
  const revoked = peers.map(([peerId, upToIssue]) => ({ peerId, upToIssue }));
  const claims = { realm, authorityKey, number, issuedAtMs, notAfterMs, issues, peers: revoked };
  return textOf(claims) === text ? claims : null;
}

function isRevokedPeer(value: unknown): value is [string, number] {
  return Array.isArray(value) && value.length === 2 && isPeerId(value[0]) && isCount(value[1]);
}
