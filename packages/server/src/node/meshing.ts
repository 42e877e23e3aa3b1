import { directoryKey } from '../auth/federation/directory-key.ts';
import type { FederatedRealms } from '../auth/federation/federated-realm.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { Turn } from '../lib/turn.ts';
import { ClusterWants } from '../mesh/advertise/cluster-wants.ts';
import { RecentTopics } from '../mesh/advertise/recent-topics.ts';
import { RendezvousSpeakers } from '../mesh/advertise/rendezvous-speakers.ts';
import { TimedAdvertiser } from '../mesh/advertise/timed-advertiser.ts';
import { CachedLookups } from '../mesh/discover/cached-lookups.ts';
import type { MeshFrames } from '../mesh/link-ports.ts';
import { LinkedPeers } from '../mesh/links/linked-peers.ts';
import { Mesh } from '../mesh/mesh.ts';
import type { MeshKey } from '../mesh/ports.ts';
import type { Directory } from '../peer/directory.ts';
import type { LinkPool } from '../peer/link-pool.ts';

/** Nothing is sent before the router takes the frames. */
const NOBODY: MeshFrames = {
  onUp: () => {},
  onData: (link, number) => {
    link.done(number, 0);
    return true;
  },
  onLost: () => {},
  onResumed: () => {},
  onClosed: () => {},
};

export interface MeshingParts {
  readonly config: Pick<Config, 'advertisementTtlS' | 'advertisementsPerS' | 'lookupTtlS' | 'lookupTimeoutMs'>;
  readonly nodeId: string;
  readonly directory: Directory;
  readonly realms: FederatedRealms;
  readonly pool: LinkPool;
  /** null: the node is in none */
  readonly cluster: Cluster | null;
  readonly clock: Clock;
  readonly turn: Turn;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** What a node in the mesh is made of. */
export interface Meshing {
  readonly mesh: Mesh;
  readonly advertiser: TimedAdvertiser;
  readonly lookups: CachedLookups;
  readonly links: LinkedPeers;
}

export function makeMesh(parts: MeshingParts): Meshing {
  const { config, nodeId, directory, realms, pool, cluster, clock, turn, random, log } = parts;
  const keysOf = (key: MeshKey): Uint8Array[] =>
    (realms.get(key.realm)?.secrets ?? []).map(({ secret }) => directoryKey(secret, key));
  const isFederated = (realm: string): boolean => (realms.get(realm)?.token ?? null) !== null;
  const wants = new ClusterWants({ cluster, isFederated });
  const advertiser = new TimedAdvertiser(
    { directory, keysOf, clock, random },
    { ttlMs: config.advertisementTtlS * 1000, ratePerS: config.advertisementsPerS },
  );
  const covered = ({ realm, path }: MeshKey): boolean => advertiser.isAdvertised({ kind: 'publisher', realm, path });
  const lookups = new CachedLookups(
    { directory, keysOf, covered, clock, random },
    { ttlMs: config.lookupTtlS * 1000, deadlineMs: config.lookupTimeoutMs },
  );
  const frames = { to: NOBODY };
  const links = new LinkedPeers({
    nodeId,
    realms,
    wants,
    pool,
    clock,
    turn,
    log,
    random,
    frames,
  });
  const mesh = new Mesh({
    nodeId,
    realms,
    wants,
    speakers: new RendezvousSpeakers(cluster),
    advertiser,
    lookups,
    published: new RecentTopics(clock),
    links,
    clock,
    frames,
    isMember: (peerId) => cluster !== null && cluster.link(peerId) !== null,
  });
  return { mesh, advertiser, lookups, links };
}
