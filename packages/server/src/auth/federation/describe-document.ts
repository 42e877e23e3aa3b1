import { epochAt } from './epochs.ts';
import type { TokenProblem } from './federated-realm.ts';
import { RealmAuthority } from './realm-authority.ts';
import { readRevocationsDocument, readTokenDocument } from './realm-documents.ts';
import { SignedToken, timeProblem } from './realm-token.ts';
import { RevocationList, type RevokedPeer } from './revocation-list.ts';
import { publicKeyOf } from './signed-bytes.ts';

export interface AuthorityFacts {
  readonly kind: 'authority';
  readonly realm: string;
  readonly authorityKey: string;
  readonly createdAtMs: number;
  readonly epochMs: number;
  readonly overlapMs: number;
  /** Now. */
  readonly epoch: number;
  readonly lastIssue: number;
  /** Number of the last list of revocations; 0: there is none. */
  readonly lastList: number;
}

export interface TokenFacts {
  readonly kind: 'token';
  readonly realm: string;
  readonly authorityKey: string;
  readonly peerId: string;
  readonly issue: number;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
  readonly cluster: string | null;
  /** Of which it has the secrets. */
  readonly epochs: readonly number[];
  /** As far as the file itself and the time can tell. */
  readonly problem: TokenProblem | null;
}

export interface RevocationsFacts {
  readonly kind: 'revocations';
  readonly realm: string;
  readonly authorityKey: string;
  readonly number: number;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  readonly issues: readonly number[];
  readonly peers: readonly RevokedPeer[];
  readonly problem: 'forged' | 'revocations_stale' | null;
}

export type DocumentFacts = AuthorityFacts | TokenFacts | RevocationsFacts;

/** What is in a file of a realm, without its secrets. null: it is none, or is damaged. */
export function describeDocument(text: string, nowMs: number): DocumentFacts | null {
  return authorityFacts(text, nowMs) ?? tokenFacts(text, nowMs) ?? revocationsFacts(text, nowMs);
}

function authorityFacts(text: string, nowMs: number): AuthorityFacts | null {
  const authority = RealmAuthority.parse(text);
  if (authority === null) return null;
  const { realm, authorityKey, epochs, lastIssue, lastList } = authority;
  const { zeroMs: createdAtMs, lengthMs: epochMs, overlapMs } = epochs;
  const epoch = epochAt(epochs, nowMs);
  return { kind: 'authority', realm, authorityKey, createdAtMs, epochMs, overlapMs, epoch, lastIssue, lastList };
}

function tokenFacts(text: string, nowMs: number): TokenFacts | null {
  const document = readTokenDocument(text);
  const token = document === null ? null : SignedToken.parse(document.bytes);
  if (token === null) return null;
  const { realm, authorityKey, peerId, issue, issuedAtMs, notAfterMs, rights, cluster } = token;
  const epochs = document!.secrets.map(({ epoch }) => epoch);
  const problem: TokenProblem | null = token.isSignedBy(publicKeyOf(authorityKey))
    ? timeProblem(token, nowMs)
    : 'forged';
  const facts = { realm, authorityKey, peerId, issue, issuedAtMs, notAfterMs, ...rights, cluster, epochs, problem };
  return { kind: 'token', ...facts };
}

function revocationsFacts(text: string, nowMs: number): RevocationsFacts | null {
  const bytes = readRevocationsDocument(text);
  const list = bytes === null ? null : RevocationList.parse(bytes);
  if (list === null) return null;
  const { realm, authorityKey, number, issuedAtMs, notAfterMs, issues, peers } = list;
  const ageProblem = list.isStale(nowMs) ? 'revocations_stale' : null;
  const problem = list.isSignedBy(publicKeyOf(authorityKey)) ? ageProblem : 'forged';
  return { kind: 'revocations', realm, authorityKey, number, issuedAtMs, notAfterMs, issues, peers, problem };
}
