import type { ClusterView, PeersView } from '../admin/ports.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LinkPool } from '../peer/link-pool.ts';

export function peersView(pool: LinkPool): PeersView {
  return {
    links: () => pool.list(),
    remove: (peerId) => {
      for (const { purpose, pinned, peerId: other } of pool.list()) {
        if (other === peerId && !pinned) pool.remove(purpose, peerId, 'removed');
      }
    },
    refusals: () => Object.fromEntries(pool.counters.refusals),
  };
}

export function clusterView(name: string, cluster: Cluster): ClusterView {
  return {
    get name() {
      return cluster.hasLeft ? null : name;
    },
    members: () => cluster.members(),
    status: () => cluster.status(),
    route: (realm, topic) => cluster.interest.match(realm, topic),
    leave: () => cluster.leave(),
  };
}
