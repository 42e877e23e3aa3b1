import type { KeyObject } from 'node:crypto';
import { asTable, fromBase64Url, isCount, isName, isPeerId, isTime, parseTable, toBase64Url } from './claim-shape.ts';
import {
  type EpochSchedule,
  epochSecret,
  epochsOfToken,
  lastEndOfToken,
  SECRET_BYTES,
  scheduleProblem,
} from './epochs.ts';
import type { EpochSecret, RealmRights } from './federated-realm.ts';
import { AUTHORITY_KIND, writeDocument } from './realm-documents.ts';
import { MAX_CLOCK_SKEW_MS, MAX_TOKEN_BYTES, SignedToken } from './realm-token.ts';
import { MAX_REVOCATIONS_BYTES, RevocationList } from './revocation-list.ts';
import { authorityKeyOf, privateKeyOf } from './signed-bytes.ts';

/** Of an Ed25519 private key. */
const KEY_SEED_BYTES = 32;

/** What was asked of an authority, and cannot be done. */
export class RealmError extends Error {
  override name = 'RealmError';
}

export interface NewRealm {
  readonly realm: string;
  readonly epochMs: number;
  readonly overlapMs: number;
}

export interface TokenRequest {
  readonly peerId: string;
  readonly rights: RealmRights;
  /** How long it shall be valid; it may be less, see `EpochSchedule`. */
  readonly lifeMs: number;
  readonly cluster: string | null;
}

/** What is to be revoked, if anything: without, there is a list with a later end. */
export type Revocation = { readonly peerId: string } | { readonly issue: number } | null;

/** Something that was revoked, until every token that it is about has expired. */
interface Revoked {
  readonly subject: string | number;
  readonly upToIssue: number;
  readonly untilMs: number;
}

/** Everything that an authority keeps. The two seeds are secret. */
interface AuthorityState {
  readonly realm: string;
  readonly keySeed: Uint8Array;
  readonly epochSeed: Uint8Array;
  readonly epochs: EpochSchedule;
  lastIssue: number;
  /** When the last of all its tokens ends. */
  lastEndMs: number;
  lastList: number;
  revoked: readonly Revoked[];
}

/** Whoever says who is in a realm. It is a file that is used now and then, on one machine; no node needs it. */
export class RealmAuthority {
  readonly authorityKey: string;
  readonly #state: AuthorityState;
  readonly #privateKey: KeyObject;

  private constructor(state: AuthorityState) {
    this.#state = state;
    this.#privateKey = privateKeyOf(state.keySeed);
    this.authorityKey = authorityKeyOf(this.#privateKey);
  }

  /**
   * @param entropy random bytes that nobody else can have
   * @throws {RealmError}
   */
  static create(request: NewRealm, entropy: (bytes: number) => Uint8Array, nowMs: number): RealmAuthority {
    const { realm, epochMs, overlapMs } = request;
    if (!isName(realm))
      throw new RealmError('a realm is called by 1 to 200 letters, digits, dots, dashes and underscores');
    const epochs = { zeroMs: Math.floor(nowMs), lengthMs: epochMs, overlapMs };
    const problem = scheduleProblem(epochs);
    if (problem !== null) throw new RealmError(problem);
    const keySeed = entropy(KEY_SEED_BYTES);
    const epochSeed = entropy(SECRET_BYTES);
    return new RealmAuthority({
      realm,
      keySeed,
      epochSeed,
      epochs,
      lastIssue: 0,
      lastEndMs: 0,
      lastList: 0,
      revoked: [],
    });
  }

  /** @returns null: this is no file of an authority, or not all of it */
  static parse(text: string): RealmAuthority | null {
    const table = parseTable(text);
    const state = table === null ? null : readState(table);
    if (state === null) return null;
    const authority = new RealmAuthority(state);
    // Damage to the seed would make another authority.
    return authority.authorityKey === table!.authorityKey ? authority : null;
  }

  get realm(): string {
    return this.#state.realm;
  }

  get epochs(): EpochSchedule {
    return this.#state.epochs;
  }

  get lastIssue(): number {
    return this.#state.lastIssue;
  }

  get lastList(): number {
    return this.#state.lastList;
  }

  /** What is kept: with all secrets. */
  document(): string {
    const { realm, keySeed, epochSeed, epochs, lastIssue, lastEndMs, lastList, revoked } = this.#state;
    return writeDocument(AUTHORITY_KIND, {
      realm,
      authorityKey: this.authorityKey,
      keySeed: toBase64Url(keySeed),
      epochSeed: toBase64Url(epochSeed),
      epochZero: epochs.zeroMs,
      epochLength: epochs.lengthMs,
      overlap: epochs.overlapMs,
      lastIssue,
      lastEndMs,
      lastList,
      revoked,
    });
  }

  /** @throws {RealmError} */
  issue(request: TokenRequest, nowMs: number): { token: SignedToken; secrets: EpochSecret[] } {
    const state = this.#state;
    const { epochs, realm } = state;
    const issuedAtMs = Math.floor(nowMs);
    const notAfterMs = Math.min(issuedAtMs + Math.floor(request.lifeMs), lastEndOfToken(epochs, issuedAtMs));
    const { peerId, cluster, rights } = request;
    const issue = state.lastIssue + 1;
    const claims = { realm, authorityKey: this.authorityKey, peerId, issue, issuedAtMs, notAfterMs, rights, cluster };
    const token = SignedToken.sign({ ...claims, epochs }, this.#privateKey);
    if (token === null) throw new RealmError(`the filters are too long: a token has at most ${MAX_TOKEN_BYTES} bytes`);
    // Nobody else would take what we cannot read.
    if (SignedToken.parse(token.bytes) === null) throw new RealmError('no token can say that');
    state.lastIssue = issue;
    state.lastEndMs = Math.max(state.lastEndMs, notAfterMs);
    const secrets = epochsOfToken(epochs, issuedAtMs).map((epoch) => ({
      epoch,
      secret: epochSecret(state.epochSeed, epoch),
    }));
    return { token, secrets };
  }

  /**
   * The next list of revocations, with everything that was revoked before and is still worth saying.
   * @throws {RealmError}
   */
  revoke(revocation: Revocation, maxAgeMs: number, nowMs: number): RevocationList {
    const state = this.#state;
    const issuedAtMs = Math.floor(nowMs);
    const added = revocation === null ? null : this.#revoked(revocation);
    // Clocks that are behind take a token for valid a little longer.
    const isOver = ({ untilMs }: Revoked): boolean => untilMs + MAX_CLOCK_SKEW_MS <= issuedAtMs;
    const revoked = state.revoked.filter((one) => !isOver(one) && one.subject !== added?.subject);
    if (added !== null) revoked.push(added);
    const issues = revoked.flatMap(({ subject }) => (typeof subject === 'number' ? [subject] : []));
    const peers = revoked.flatMap(({ subject, upToIssue }) =>
      typeof subject === 'string' ? [{ peerId: subject, upToIssue }] : [],
    );
    const { realm } = state;
    const notAfterMs = issuedAtMs + Math.floor(maxAgeMs);
    const number = state.lastList + 1;
    const claims = { realm, authorityKey: this.authorityKey, number, issuedAtMs, notAfterMs, issues, peers };
    const list = RevocationList.sign(claims, this.#privateKey);
    if (list === null) {
      throw new RealmError(
        `the list would have more than ${MAX_REVOCATIONS_BYTES} bytes: wait until revoked tokens expire`,
      );
    }
    if (RevocationList.parse(list.bytes) === null) throw new RealmError('no list can say that');
    state.lastList = number;
    state.revoked = revoked;
    return list;
  }

  #revoked(revocation: NonNullable<Revocation>): Revoked {
    const { lastIssue, lastEndMs } = this.#state;
    if ('peerId' in revocation) return { subject: revocation.peerId, upToIssue: lastIssue, untilMs: lastEndMs };
    const { issue } = revocation;
    if (issue < 1 || issue > lastIssue) throw new RealmError(`no token of this realm has the issue number ${issue}`);
    return { subject: issue, upToIssue: issue, untilMs: lastEndMs };
  }
}

function readState(table: Readonly<Record<string, unknown>>): AuthorityState | null {
  const { kind, realm, epochZero, epochLength, overlap, lastIssue, lastEndMs, lastList, revoked } = table;
  const [keySeed, epochSeed] = [fromBase64Url(table.keySeed), fromBase64Url(table.epochSeed)];
  if (kind !== AUTHORITY_KIND || !isName(realm)) return null;
  if (keySeed?.length !== KEY_SEED_BYTES || epochSeed?.length !== SECRET_BYTES) return null;
  if (!isTime(epochZero) || !isCount(epochLength) || !isCount(overlap)) return null;
  const epochs = { zeroMs: epochZero, lengthMs: epochLength, overlapMs: overlap };
  if (scheduleProblem(epochs) !== null) return null;
  if (!isCount(lastIssue) || !isTime(lastEndMs) || !isCount(lastList)) return null;
  if (!Array.isArray(revoked) || !revoked.every(isRevoked)) return null;
  return { realm, keySeed, epochSeed, epochs, lastIssue, lastEndMs, lastList, revoked };
}

function isRevoked(value: unknown): value is Revoked {
  const { subject, upToIssue, untilMs } = asTable(value) ?? {};
  return (isCount(subject) || isPeerId(subject)) && isCount(upToIssue) && isTime(untilMs);
}
