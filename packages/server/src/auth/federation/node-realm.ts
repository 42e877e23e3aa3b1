import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { epochsInUse, epochsOfToken, nextEpochChange } from './epochs.ts';
import type { EpochSecret, FederatedRealm, RealmToken, TokenProblem } from './federated-realm.ts';
import { MAX_CLOCK_SKEW_MS, type SignedToken, timeProblem } from './realm-token.ts';
import type { RevocationList } from './revocation-list.ts';
import { publicKeyOf } from './signed-bytes.ts';

const NO_SECRETS: readonly EpochSecret[] = [];

/** A token of this node, with the half that no peer sees. */
export interface OwnToken {
  readonly token: SignedToken;
  readonly secrets: readonly EpochSecret[];
}

/** Whether the secrets of a token are those that its authority gives. */
export function hasItsSecrets({ token, secrets }: OwnToken): boolean {
  const epochs = epochsOfToken(token.epochs, token.issuedAtMs);
  return secrets.length === epochs.length && secrets.every(({ epoch }, index) => epoch === epochs[index]);
}

/** One federated realm of a node. Decides by the clock at each call; tells nobody when something has changed. */
export class NodeRealm implements FederatedRealm {
  readonly name: string;
  readonly authorityKey: string;
  readonly publicKey: KeyObject;
  readonly #clock: Pick<Clock, 'wallMs'>;
  #newest: OwnToken | null = null;
  /** Stays in use until the newest can be used; from then on it is gone. */
  #before: OwnToken | null = null;
  #list: RevocationList | null = null;
  #secrets: readonly EpochSecret[] = NO_SECRETS;
  /** What `#secrets` was made for: a token and the epochs in use. */
  #secretsOf: OwnToken | null = null;
  #secretsEpochs = '';

  constructor(name: string, authorityKey: string, clock: Pick<Clock, 'wallMs'>) {
    this.name = name;
    this.authorityKey = authorityKey;
    this.publicKey = publicKeyOf(authorityKey);
    this.#clock = clock;
  }

  get token(): RealmToken | null {
    return this.#current()?.token ?? null;
  }

  get secrets(): readonly EpochSecret[] {
    const own = this.#current();
    if (own === null) return NO_SECRETS;
    const epochs = epochsInUse(own.token.epochs, this.#clock.wallMs());
    const named = epochs.join();
    if (own === this.#secretsOf && named === this.#secretsEpochs) return this.#secrets;
    this.#secretsOf = own;
    this.#secretsEpochs = named;
    this.#secrets = epochs.flatMap((epoch) => own.secrets.find((secret) => secret.epoch === epoch) ?? []);
    return this.#secrets;
  }

  /** The last token that was given, whether it can be used or not. */
  get newest(): SignedToken | null {
    return this.#newest?.token ?? null;
  }

  get list(): RevocationList | null {
    return this.#list;
  }

  /** null: there is no token any more */
  give(own: OwnToken | null): void {
    this.#before = own === null ? null : this.#current();
    this.#newest = own;
  }

  /** A list with a right signature. @returns whether it is newer than the one before */
  learn(list: RevocationList): boolean {
    if (this.#list !== null && list.number <= this.#list.number) return false;
    this.#list = list;
    return true;
  }

  /** Of a token whose signature is right. */
  problem(token: RealmToken): TokenProblem | null {
    const problem = this.#ownProblem(token);
    if (problem !== null || this.#list === null) return problem;
    return this.#list.isStale(this.#clock.wallMs()) ? 'revocations_stale' : null;
  }

  /** Of a token of this node: while its list is too old it trusts nobody, but it shows its own, so that others can tell it of a newer list. */
  #ownProblem(token: RealmToken): TokenProblem | null {
    if (token.authorityKey !== this.authorityKey) return 'foreign_realm';
    const problem = timeProblem(token, this.#clock.wallMs());
    if (problem !== null) return problem;
    return this.#list?.revokes(token) === true ? 'revoked' : null;
  }

  /** When time alone will change something next, ms since 1970. */
  nextChangeMs(): number {
    const nowMs = this.#clock.wallMs();
    const moments = this.#list === null ? [] : [this.#list.notAfterMs];
    for (const own of [this.#newest, this.#before]) {
      if (own === null) continue;
      const { issuedAtMs, notAfterMs, epochs } = own.token;
      moments.push(issuedAtMs - MAX_CLOCK_SKEW_MS, notAfterMs, nextEpochChange(epochs, nowMs));
    }
    return Math.min(...moments.filter((moment) => moment > nowMs));
  }

  #current(): OwnToken | null {
    if (this.#newest !== null && this.#ownProblem(this.#newest.token) === null) {
      this.#before = null;
      return this.#newest;
    }
    return this.#before !== null && this.#ownProblem(this.#before.token) === null ? this.#before : null;
  }
}
