import type { ClusterView, PeersView } from './ports.ts';

/** Of a node without a peer port. */
export const NO_PEERS: PeersView = { links: () => [], remove: () => {}, refusals: () => ({}) };

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
