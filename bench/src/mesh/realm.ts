import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DEFAULT_EPOCH_MS,
  DEFAULT_OVERLAP_MS,
  loadIdentity,
  RealmAuthority,
  replaceWhole,
  tokenDocument,
} from '@plexus/server';

/** The realm of clients that say nothing. */
const REALM = 'default';
const LIFE_MS = 24 * 60 * 60 * 1000;
const EVERYTHING = { subscribe: ['#'], publish: ['#'] };

/** What a node is started with to be in the realm. */
export interface Credentials {
  readonly dataDir: string;
  /** A configuration file. */
  readonly config: string;
}

/** A realm with an authority of its own, and tokens for its nodes: what `plexus realm create` and `plexus realm issue` do. */
export class Realm {
  readonly #directory: string;
  readonly #authority: RealmAuthority;
  #nodes = 0;

  constructor(directory: string) {
    this.#directory = directory;
    const lengths = { epochMs: DEFAULT_EPOCH_MS, overlapMs: DEFAULT_OVERLAP_MS };
    this.#authority = RealmAuthority.create({ realm: REALM, ...lengths }, randomBytes, Date.now());
  }

  /** Makes a node with its identity, its token and its configuration. */
  admit(): Credentials {
    const place = join(this.#directory, `node-${++this.#nodes}`);
    const dataDir = join(place, 'data');
    mkdirSync(dataDir, { recursive: true });
    const { peerId } = loadIdentity(dataDir);
    const request = { peerId, rights: EVERYTHING, lifeMs: LIFE_MS, cluster: null };
    const { token, secrets } = this.#authority.issue(request, Date.now());
    const tokenFile = join(place, 'token');
    replaceWhole(tokenFile, tokenDocument({ bytes: token.bytes, secrets }));
    const config = join(place, 'plexus.yaml');
    const realm = { name: REALM, federated: true, authorityKey: this.#authority.authorityKey, tokenFile };
    // JSON is YAML. No stores: their threads are not what is measured.
    writeFileSync(config, JSON.stringify({ realms: [realm], stores: [] }));
    return { dataDir, config };
  }
}
