import { createHash } from 'node:crypto';
import type { FederatedRealm, FederatedRealms, RealmToken, TokenProblem } from '../ports.ts';

/**
 * Federated realms whose tokens say what they say and are signed by nobody: a thousand nodes would spend their time on signatures. What
 * forged ones do is tried on the real ones.
 */
export class SimRealms implements FederatedRealms {
  readonly #realms: readonly FederatedRealm[];

  /** @param cluster null: the node is alone */
  constructor(peerId: string, cluster: string | null, realms: readonly string[]) {
    this.#realms = realms.map((name) => ({
      name,
      authorityKey: authorityOf(name),
      token: tokenOf(name, peerId, cluster),
      secrets: [{ epoch: 1, secret: createHash('sha256').update(`secret of ${name}`).digest() }],
    }));
  }

  list(): readonly FederatedRealm[] {
    return this.#realms;
  }

  get(realm: string): FederatedRealm | null {
    return this.#realms.find(({ name }) => name === realm) ?? null;
  }

  check(bytes: Uint8Array, peerId: string): RealmToken | TokenProblem {
    const [realm, owner, cluster] = Buffer.from(bytes).toString().split(' ');
    if (realm === undefined || owner === undefined || cluster === undefined) return 'malformed';
    if (owner !== peerId) return 'stolen';
    if (this.get(realm) === null) return 'foreign_realm';
    return tokenOf(realm, owner, cluster === '' ? null : cluster);
  }

  problem(): TokenProblem | null {
    return null;
  }

  revocations(): null {
    return null;
  }

  learnRevocations(): boolean {
    return false;
  }

  onChange(): () => void {
    return () => {};
  }
}

const authorityOf = (realm: string): string => `authority of ${realm}`;

function tokenOf(realm: string, peerId: string, cluster: string | null): RealmToken {
  return {
    realm,
    authorityKey: authorityOf(realm),
    peerId,
    issue: 1,
    issuedAtMs: 0,
    notAfterMs: Number.MAX_SAFE_INTEGER,
    rights: { subscribe: ['#'], publish: ['#'] },
    cluster,
    bytes: Uint8Array.from(Buffer.from(`${realm} ${peerId} ${cluster ?? ''}`)),
    mayPublish: () => true,
    maySubscribe: () => true,
    couldPublish: () => true,
  };
}
