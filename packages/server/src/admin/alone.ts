import type { MeshAnswer } from './mesh-schemas.ts';
import type { ClusterView, PeersView } from './ports.ts';

/** Of a node without a peer port. */
export const NO_PEERS: PeersView = { links: () => [], remove: () => {}, refusals: () => ({}) };

const NO_QUERIES = { first: 0, refresh: 0, renew: 0 };

/** Of a node that takes no part in the mesh. */
export const NO_MESH_ANSWER: Omit<MeshAnswer, 'nodeId'> = {
  enabled: false,
  mode: null,
  directoryPeers: 0,
  directoryRecords: 0,
  outOfReach: false,
  reachability: null,
  realms: [],
  peers: [],
  advertisements: { waiting: 0, advertising: 0, advertised: 0, failed: 0, sent: 0, failures: 0, refused: 0 },
  lookups: {
    keys: 0,
    running: 0,
    waiting: 0,
    queries: { subscriber: NO_QUERIES, publisher: NO_QUERIES },
    failed: 0,
    hits: 0,
    misses: 0,
    evictions: 0,
  },
  pending: { topics: 0, messages: 0, bytes: 0 },
  duplicates: 0,
  refusals: {},
};

/** How a node that is in no cluster shows itself. */
export function aloneOf({ nodeId, startedAt, peerAddresses }: AloneFacts): ClusterView {
  const sinceMs = Date.parse(startedAt);
  return {
    name: null,
    members: () => [
      {
        nodeId,
        incarnation: sinceMs,
        state: 'up',
        self: true,
        addresses: peerAddresses,
        link: null,
        sinceMs,
        filters: 0,
        groupMembers: 0,
      },
    ],
    status: () => ({ sought: [], sameIdentity: 0, resyncs: 0 }),
    route: () => ({ nodes: [], shares: [] }),
    leave: async () => {},
  };
}

interface AloneFacts {
  readonly nodeId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly peerAddresses: readonly string[];
}
