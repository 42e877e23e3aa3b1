import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../../lib/clock.ts';
import { isAuthorityKey } from './claim-shape.ts';
import type { FederatedRealm, FederatedRealms, RealmToken, TokenProblem } from './federated-realm.ts';
import { KeptRealm, type RealmEntry, type RealmLog, type RealmProblem } from './kept-realm.ts';
import { KnownTokens } from './known-tokens.ts';
import { NodeRealm } from './node-realm.ts';
import type { RealmFiles } from './realm-files.ts';

/** How often the files are looked at: a renewed token is in use within this time. */
export const REALM_POLL_MS = 3000;

export interface NodeRealmsSetup {
  readonly realms: readonly RealmEntry[];
  /** Where the newest list of revocations of each realm is kept. */
  readonly directory: string;
  /** Of this node. */
  readonly peerId: string;
  readonly clock: Pick<Clock, 'wallMs' | 'setTimeout' | 'setInterval'>;
  readonly files: RealmFiles;
  readonly log: RealmLog;
}

/** The federated realms of a node, from files that may change while it runs. */
export class NodeRealms implements FederatedRealms {
  readonly #clock: NodeRealmsSetup['clock'];
  readonly #kept = new Map<string, KeptRealm>();
  readonly #known: KnownTokens;
  readonly #listeners = new Set<(realm: string) => void>();
  #polling: Timer | null = null;
  /** For what time changes before the next poll. */
  #due: Timer | null = null;

  /**
   * Reads the files; `start` goes on looking at them.
   * @throws {PlexusError} config_invalid: an authority key is none
   */
  constructor({ realms, clock, ...parts }: NodeRealmsSetup) {
    this.#clock = clock;
    this.#known = new KnownTokens((name, authorityKey) => {
      const realm = this.#kept.get(name)?.realm;
      return realm?.authorityKey === authorityKey ? realm.publicKey : null;
    });
    for (const entry of realms) {
      if (!isAuthorityKey(entry.authorityKey)) throw badKey(entry);
      const realm = new NodeRealm(entry.name, entry.authorityKey, clock);
      const kept = new KeptRealm(realm, entry, { ...parts, known: this.#known });
      this.#kept.set(entry.name, kept);
      kept.look();
      kept.hasChanged(clock.wallMs());
    }
  }

  /** Idempotent. */
  start(): void {
    if (this.#polling !== null) return;
    this.#polling = this.#clock.setInterval(() => this.#poll(), REALM_POLL_MS);
    this.#await();
  }

  /** Idempotent. */
  stop(): void {
    this.#polling?.cancel();
    this.#polling = null;
    this.#await();
  }

  list(): readonly FederatedRealm[] {
    return Array.from(this.#kept.values(), ({ realm }) => realm);
  }

  get(realm: string): FederatedRealm | null {
    return this.#kept.get(realm)?.realm ?? null;
  }

  check(bytes: Uint8Array, peerId: string): RealmToken | TokenProblem {
    const token = this.#known.read(bytes);
    if (typeof token === 'string') return token;
    return token.peerId === peerId ? (this.problem(token) ?? token) : 'stolen';
  }

  problem(token: RealmToken): TokenProblem | null {
    const kept = this.#kept.get(token.realm);
    return kept === undefined ? 'foreign_realm' : kept.realm.problem(token);
  }

  revocations(realm: string): { readonly number: number; readonly bytes: Uint8Array } | null {
    return this.#kept.get(realm)?.realm.list ?? null;
  }

  learnRevocations(realm: string, bytes: Uint8Array): boolean {
    const kept = this.#kept.get(realm);
    if (kept === undefined) return false;
    const list = kept.readList(bytes);
    // A peer may have an old one, or show it on purpose: that must not make a node stale which knows of none.
    if (typeof list === 'string' || list.isStale(this.#clock.wallMs()) || !kept.learn(list)) return false;
    this.#settle(kept);
    this.#await();
    return true;
  }

  onChange(listener: (realm: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** How each realm stands, also those without a problem. */
  problems(): readonly RealmProblem[] {
    return Array.from(this.#kept.values(), ({ standing }) => standing);
  }

  /** How many signatures of tokens were looked at, since the start. */
  get signatureChecks(): number {
    return this.#known.signatureChecks;
  }

  #poll(): void {
    for (const kept of this.#kept.values()) {
      kept.look();
      this.#settle(kept);
    }
    this.#await();
  }

  /** The wall clock may be set, so long times are not waited for: polls look at it, and what comes between two of them has a timer. */
  #await(): void {
    this.#due?.cancel();
    this.#due = null;
    const moments = Array.from(this.#kept.values(), ({ realm }) => realm.nextChangeMs());
    const leftMs = Math.min(...moments) - this.#clock.wallMs();
    if (this.#polling === null || leftMs > REALM_POLL_MS) return;
    const onDue = (): void => {
      for (const kept of this.#kept.values()) this.#settle(kept);
      this.#await();
    };
    this.#due = this.#clock.setTimeout(onDue, Math.ceil(leftMs));
  }

  /** Tells listeners if anything is not as it was when they were last told. */
  #settle(kept: KeptRealm): void {
    if (!kept.hasChanged(this.#clock.wallMs())) return;
    for (const listener of [...this.#listeners]) listener(kept.realm.name);
  }
}

function badKey({ name, authorityKey }: RealmEntry): PlexusError {
  const details = { source: `realm ${name}`, key: 'authorityKey', given: JSON.stringify(authorityKey) };
  return new PlexusError('config_invalid', { ...details, allowed: 'the key that `plexus realm create` printed' });
}
