import { createHash, type KeyObject } from 'node:crypto';
import type { TokenProblem } from './federated-realm.ts';
import { SignedToken } from './realm-token.ts';

/** Beyond it, the one that was not shown for longest is forgotten, and checked again when it comes. */
const MAX_KNOWN = 4096;

/** Tokens whose signatures are right, so that each is checked once. Only what an authority of ours has signed gets in: no stranger can push it out. */
export class KnownTokens {
  /** By the hash of their bytes, in the order in which they were last shown. */
  readonly #tokens = new Map<string, SignedToken>();
  readonly #keyOf: (realm: string, authorityKey: string) => KeyObject | null;
  #signatureChecks = 0;

  /** @param keyOf of an authority that is trusted here; null: it is not */
  constructor(keyOf: (realm: string, authorityKey: string) => KeyObject | null) {
    this.#keyOf = keyOf;
  }

  /** How many signatures were looked at, since the start. */
  get signatureChecks(): number {
    return this.#signatureChecks;
  }

  /** A token, whoever shows it and whenever, or why it is none. */
  read(bytes: Uint8Array): SignedToken | Extract<TokenProblem, 'malformed' | 'foreign_realm' | 'forged'> {
    const hash = createHash('sha256').update(bytes).digest('base64');
    const known = this.#tokens.get(hash);
    if (known !== undefined) {
      this.#tokens.delete(hash);
      this.#tokens.set(hash, known);
      return known;
    }
    const token = SignedToken.parse(bytes);
    if (token === null) return 'malformed';
    const publicKey = this.#keyOf(token.realm, token.authorityKey);
    if (publicKey === null) return 'foreign_realm';
    this.#signatureChecks++;
    if (!token.isSignedBy(publicKey)) return 'forged';
    this.#tokens.set(hash, token);
    if (this.#tokens.size > MAX_KNOWN) this.#tokens.delete(this.#tokens.keys().next().value!);
    return token;
  }
}
