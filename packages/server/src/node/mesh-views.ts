import { PlexusError } from '@plexus/protocol';
import type { MeshView } from '../admin/ports.ts';
import type { RealmProblem } from '../auth/federation/kept-realm.ts';
import type { Clock } from '../lib/clock.ts';
import { pathsOfTopic } from '../mesh/key-paths.ts';
import type { MeshHealth, MeshStatus, TopicSearch } from '../mesh/status.ts';
import type { Directory } from '../peer/directory.ts';
import type { NatStatus } from '../peer/nat.ts';
import type { Meshing } from './meshing.ts';
import type { Messaging } from './messaging.ts';

/** How often it is looked whether a search has come to its end. */
const SEARCH_LOOK_MS = 20;
/** Each is a person who waits. */
const MAX_SEARCHES = 100;

export interface NodeMeshParts {
  readonly meshing: Meshing;
  readonly directory: Pick<Directory, 'status'>;
  readonly messaging: Pick<Messaging, 'beyond' | 'waiting'>;
  readonly realms: { problems(): readonly RealmProblem[] };
  /** null: the network cannot tell */
  readonly nat: () => NatStatus | null;
  readonly config: { readonly meshJoin: readonly string[]; readonly lookupTimeoutMs: number };
  readonly clock: Clock;
}

/** The mesh as the HTTP API sees it. */
export class NodeMesh implements MeshView {
  readonly #parts: NodeMeshParts;
  /** There should be somebody: a node that is the first of all has nobody to miss. */
  #isExpected: boolean;
  #searches = 0;
  /** How many searches go on for each realm and path. */
  readonly #sought = new Map<string, number>();

  constructor(parts: NodeMeshParts) {
    this.#parts = parts;
    this.#isExpected = parts.config.meshJoin.length > 0;
  }

  health(): MeshHealth {
    const { directory, meshing, realms } = this.#parts;
    const { peers } = directory.status();
    if (peers > 0) this.#isExpected = true;
    return {
      outOfReach: this.#isExpected && (peers === 0 || meshing.lookups.isOutOfReach),
      realms: realms.problems(),
    };
  }

  status(): MeshStatus {
    const { directory, meshing, messaging, nat } = this.#parts;
    const { advertiser, lookups, links } = meshing;
    const { mode, peers, records } = directory.status();
    const { sent, failed, refused } = advertiser.counters;
    const { duplicates, ...pending } = messaging.beyond();
    return {
      ...this.health(),
      mode,
      directoryPeers: peers,
      directoryRecords: records,
      reachability: nat(),
      peers: links.peers(),
      advertisements: { ...advertiser.states(), sent, failures: failed, refused },
      lookups: {
        ...lookups.counters,
        keys: lookups.size,
        running: lookups.runningQueries,
        waiting: lookups.waitingQueries,
      },
      pending,
      duplicates,
      refusals: Object.fromEntries(links.refusals),
    };
  }

  /** @throws {PlexusError} realm_not_in_mesh, quota_exceeded */
  async lookup(realm: string, topic: string): Promise<TopicSearch> {
    const { mesh } = this.#parts.meshing;
    if (!mesh.isFederated(realm)) throw new PlexusError('realm_not_in_mesh', { realm, reason: this.#reasonOf(realm) });
    if (this.#searches >= MAX_SEARCHES) throw new PlexusError('quota_exceeded', { limit: 'mesh lookups at once' });
    this.#begin(realm, topic);
    try {
      await this.#search(realm, topic);
      const peers = mesh.wanting(realm, topic);
      return { keys: mesh.lookup(realm, topic), mayPublish: mesh.mayPublish(realm, topic), peers };
    } finally {
      this.#end(realm, topic);
    }
  }

  advertisements(after: number, limit: number): ReturnType<MeshView['advertisements']> {
    return this.#parts.meshing.advertiser.page(after, limit);
  }

  pending(): ReturnType<MeshView['pending']> {
    return { queries: this.#parts.meshing.lookups.pending(), topics: this.#parts.messaging.waiting() };
  }

  /** Resolves when everybody is found and has said what it wants, or there is no more time. */
  async #search(realm: string, topic: string): Promise<void> {
    const { clock, config, meshing } = this.#parts;
    const untilMs = clock.now() + config.lookupTimeoutMs;
    meshing.mesh.seek(realm, topic);
    while (!meshing.mesh.isSought(realm, topic) && clock.now() < untilMs) {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, SEARCH_LOOK_MS));
    }
  }

  #begin(realm: string, topic: string): void {
    this.#searches++;
    for (const path of pathsOfTopic(topic)) {
      const id = `${realm}\0${path}`;
      this.#sought.set(id, (this.#sought.get(id) ?? 0) + 1);
    }
  }

  #end(realm: string, topic: string): void {
    this.#searches--;
    for (const path of pathsOfTopic(topic)) {
      const id = `${realm}\0${path}`;
      const others = this.#sought.get(id)! - 1;
      if (others > 0) this.#sought.set(id, others);
      else {
        this.#sought.delete(id);
        this.#parts.meshing.mesh.unseek(realm, path);
      }
    }
  }

  #reasonOf(realm: string): string {
    const known = this.#parts.realms.problems().find((one) => one.realm === realm);
    return known === undefined ? 'it is not federated here' : `its token is ${known.problem ?? 'missing'}`;
  }
}
