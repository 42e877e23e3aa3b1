import { createHash } from 'node:crypto';
import type { Clock } from '../../../lib/clock.ts';
import { DEFAULT_EPOCH_MS, DEFAULT_OVERLAP_MS } from '../epochs.ts';
import type { RealmEntry, RealmLog } from '../kept-realm.ts';
import type { OwnToken } from '../node-realm.ts';
import { NodeRealms } from '../node-realms.ts';
import { RealmAuthority, type Revocation } from '../realm-authority.ts';
import { revocationsDocument, tokenDocument } from '../realm-documents.ts';
import type { RealmFiles } from '../realm-files.ts';
import { DEFAULT_REVOCATIONS_AGE_MS, type RevocationList } from '../revocation-list.ts';

export const HOUR_MS = 60 * 60 * 1000;
export const DAY_MS = 24 * HOUR_MS;

/** Files in memory. */
export class MemoryFiles implements RealmFiles {
  readonly content = new Map<string, string>();
  /** Paths that cannot be read. */
  readonly closed = new Set<string>();
  reads = 0;

  looks(path: string): string | null {
    const text = this.content.get(path);
    return text === undefined ? null : createHash('sha256').update(text).digest('hex');
  }

  read(path: string, maxBytes: number): string {
    this.reads++;
    const text = this.content.get(path);
    if (text === undefined || this.closed.has(path)) throw new Error(`${path} cannot be read`);
    if (text.length > maxBytes) throw new Error(`${path} is too large`);
    return text;
  }

  replace(path: string, content: string): void {
    if (this.closed.has(path)) throw new Error(`${path} cannot be written`);
    this.content.set(path, content);
  }
}

/** Keeps the events that were logged. */
export class EventLog implements RealmLog {
  readonly warnings: string[] = [];
  readonly events: string[] = [];

  info(details: object): void {
    this.events.push((details as { event: string }).event);
  }

  warn(details: object): void {
    this.warnings.push((details as { event: string }).event);
  }
}

/** A realm with its authority, and nodes that read their tokens from files in memory. */
export class TestRealm {
  readonly name: string;
  readonly authority: RealmAuthority;
  readonly #clock: Clock;

  /** @param salt realms with different ones have different authorities */
  constructor(clock: Clock, name = 'plant', salt = '', epochMs = DEFAULT_EPOCH_MS, overlapMs = DEFAULT_OVERLAP_MS) {
    let drawn = 0;
    const entropy = (): Uint8Array => createHash('sha256').update(`${name} ${salt} ${drawn++}`).digest();
    this.name = name;
    this.#clock = clock;
    this.authority = RealmAuthority.create({ realm: name, epochMs, overlapMs }, entropy, clock.wallMs());
  }

  issue(
    peerId: string,
    more: { lifeMs?: number; cluster?: string; subscribe?: string[]; publish?: string[] } = {},
  ): OwnToken {
    const { subscribe = ['#'], publish = ['#'], lifeMs = 100 * DAY_MS, cluster = null } = more;
    return this.authority.issue({ peerId, rights: { subscribe, publish }, lifeMs, cluster }, this.#clock.wallMs());
  }

  revoke(revocation: Revocation, maxAgeMs = DEFAULT_REVOCATIONS_AGE_MS): RevocationList {
    return this.authority.revoke(revocation, maxAgeMs, this.#clock.wallMs());
  }

  entry(files: Pick<RealmEntry, 'tokenFile' | 'revocationsFile'>): RealmEntry {
    return { name: this.name, authorityKey: this.authority.authorityKey, ...files };
  }
}

/** A node that is in some realms; its token of each is at `{realm}.token`, the list of revocations at `{realm}.revocations`. */
export class RealmNode {
  readonly files = new MemoryFiles();
  readonly log = new EventLog();
  readonly peerId: string;
  /** Realms whose change it was told, in order. */
  readonly changes: string[] = [];
  realms: NodeRealms;
  readonly #setup: ConstructorParameters<typeof NodeRealms>[0];

  constructor(
    peerId: string,
    clock: Clock,
    realms: readonly TestRealm[],
    prepare: (node: RealmNode) => void = () => {},
  ) {
    this.peerId = peerId;
    const entries = realms.map((realm) =>
      realm.entry({ tokenFile: `${realm.name}.token`, revocationsFile: `${realm.name}.revocations` }),
    );
    this.#setup = { realms: entries, directory: '/data/realms', peerId, clock, files: this.files, log: this.log };
    prepare(this);
    this.realms = this.#started();
  }

  give(realm: string, token: OwnToken): this {
    this.files.content.set(`${realm}.token`, tokenDocument({ bytes: token.token.bytes, secrets: token.secrets }));
    return this;
  }

  giveList(realm: string, list: RevocationList): this {
    this.files.content.set(`${realm}.revocations`, revocationsDocument(list.bytes));
    return this;
  }

  restart(): void {
    this.realms.stop();
    this.realms = this.#started();
  }

  #started(): NodeRealms {
    const realms = new NodeRealms(this.#setup);
    realms.onChange((realm) => this.changes.push(realm));
    realms.start();
    return realms;
  }
}
