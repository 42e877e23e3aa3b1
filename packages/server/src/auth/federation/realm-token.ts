import type { KeyObject } from 'node:crypto';
import { isAuthorityKey, isCount, isName, isPeerId, isTime, parseTable } from './claim-shape.ts';
import { type EpochSchedule, lastEndOfToken, scheduleProblem } from './epochs.ts';
import type { RealmRights, RealmToken } from './federated-realm.ts';
import { couldPublish, isRight, mayPublish, maySubscribe } from './rights.ts';
import { isSigned, signedText, signText, TOKEN_DOMAIN } from './signed-bytes.ts';

/** Of the half that travels, with its signature. */
export const MAX_TOKEN_BYTES = 4096;
/** How far the clock of whoever checks may be behind that of the authority, in ms. */
export const MAX_CLOCK_SKEW_MS = 5 * 60 * 1000;

/** What an authority says in a token. */
export type TokenClaims = Omit<RealmToken, 'bytes' | 'mayPublish' | 'maySubscribe' | 'couldPublish'> & {
  readonly epochs: EpochSchedule;
};

/** A token whose shape is right. Only what `check` of `FederatedRealms` returns has a signature that is right too. */
export class SignedToken implements RealmToken {
  readonly realm: string;
  readonly authorityKey: string;
  readonly peerId: string;
  readonly issue: number;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  readonly rights: RealmRights;
  readonly cluster: string | null;
  readonly epochs: EpochSchedule;
  readonly bytes: Uint8Array;

  private constructor(claims: TokenClaims, bytes: Uint8Array) {
    this.realm = claims.realm;
    this.authorityKey = claims.authorityKey;
    this.peerId = claims.peerId;
    this.issue = claims.issue;
    this.issuedAtMs = claims.issuedAtMs;
    this.notAfterMs = claims.notAfterMs;
    this.rights = claims.rights;
    this.cluster = claims.cluster;
    this.epochs = claims.epochs;
    this.bytes = bytes;
  }

  /** null: they would take more than `MAX_TOKEN_BYTES` */
  static sign(claims: TokenClaims, privateKey: KeyObject): SignedToken | null {
    const bytes = signText(TOKEN_DOMAIN, textOf(claims), privateKey);
    return bytes.length > MAX_TOKEN_BYTES ? null : new SignedToken(claims, bytes);
  }

  /** @returns null: malformed */
  static parse(bytes: Uint8Array): SignedToken | null {
    const text = bytes.length > MAX_TOKEN_BYTES ? null : signedText(bytes);
    const claims = text === null ? null : readClaims(text);
    // What a caller was handed may be a view of a buffer that is used again.
    return claims === null ? null : new SignedToken(claims, new Uint8Array(bytes));
  }

  isSignedBy(publicKey: KeyObject): boolean {
    return isSigned(TOKEN_DOMAIN, this.bytes, publicKey);
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

/** What time alone makes of a token. */
export function timeProblem(token: RealmToken, nowMs: number): 'expired' | 'not_yet_valid' | null {
  if (nowMs >= token.notAfterMs) return 'expired';
  return token.issuedAtMs > nowMs + MAX_CLOCK_SKEW_MS ? 'not_yet_valid' : null;
}

/** The same claims always make the same text: there is one token for each. */
function textOf({ epochs, rights, ...claims }: TokenClaims): string {
  return JSON.stringify({
    realm: claims.realm,
    authorityKey: claims.authorityKey,
    peerId: claims.peerId,
    issue: claims.issue,
    issuedAtMs: claims.issuedAtMs,
    notAfterMs: claims.notAfterMs,
    subscribe: rights.subscribe,
    publish: rights.publish,
    cluster: claims.cluster,
    epochZero: epochs.zeroMs,
    epochLength: epochs.lengthMs,
    overlap: epochs.overlapMs,
  });
}

function readClaims(text: string): TokenClaims | null {
  const table = parseTable(text);
  if (table === null) return null;
  const { realm, authorityKey, peerId, issue, issuedAtMs, notAfterMs, subscribe, publish, cluster } = table;
  const { epochZero, epochLength, overlap } = table;
  if (!isName(realm) || !isAuthorityKey(authorityKey) || !isPeerId(peerId) || !isCount(issue)) return null;
  if (!isTime(issuedAtMs) || !isTime(notAfterMs) || notAfterMs <= issuedAtMs) return null;
  if (!isRight(subscribe) || !isRight(publish) || !(cluster === null || isName(cluster))) return null;
  if (!isTime(epochZero) || !isCount(epochLength) || !isCount(overlap)) return null;
  const epochs = { zeroMs: epochZero, lengthMs: epochLength, overlapMs: overlap };
  if (scheduleProblem(epochs) !== null || notAfterMs > lastEndOfToken(epochs, issuedAtMs)) return null;
  const rights = { subscribe, publish };
  const claims = { realm, authorityKey, peerId, issue, issuedAtMs, notAfterMs, rights, cluster, epochs };
  return textOf(claims) === text ? claims : null;
}
