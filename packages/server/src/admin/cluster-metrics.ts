import { Counter, Gauge, type Registry } from 'prom-client';
import type { MemberListing, MemberState } from '../cluster/ports.ts';
import type { LinkInfo } from '../peer/link-ports.ts';
import { type Row, RowMetrics, row } from './metric-rows.ts';
import type { ClusterStoresView, ClusterView, PeersView } from './ports.ts';

const MS_PER_S = 1000;

const LINK_ROWS: readonly Row<LinkInfo>[] = [
  row('up', '1 while the link has a channel', (l) => (l.state === 'up' ? 1 : 0)),
  row('received_bytes_total', 'Bytes that came from the peer', (l) => l.bytesIn),
  row('sent_bytes_total', 'Bytes that went to the peer', (l) => l.bytesOut),
  row('received_frames_total', 'Frames that came from the peer', (l) => l.framesIn),
  row('sent_frames_total', 'Frames that went to the peer', (l) => l.framesOut),
  row('queued_bytes', 'Bytes of messages that wait for credit or for the channel', (l) => l.queuedBytes),
  row('held_bytes', 'Bytes of messages at QoS 1 and 2 that the peer has not answered', (l) => l.heldBytes),
  row(
    'dropped_messages_total',
    'Messages at QoS 0 that were dropped because the peer did not keep up',
    (l) => l.dropped,
  ),
  row('resent_frames_total', 'Frames that were sent again after a channel was lost', (l) => l.resent),
  row('duplicates_total', 'Messages that had come before, and were dropped', (l) => l.duplicates),
  row('losses_total', 'How often its channel was lost', (l) => l.losses),
  row('round_trip_seconds', 'Smoothed round trip of heartbeats', (l) =>
    l.roundTripMs === null ? null : l.roundTripMs / MS_PER_S,
  ),
];

const CLUSTER_ROWS: readonly Row<ClusterView>[] = [
  row('remote_filters', 'Topic filters that other nodes want messages of', (c) => sumOf(c, ({ filters }) => filters)),
  row('remote_group_members', 'Members of groups that other nodes have', (c) =>
    sumOf(c, ({ groupMembers }) => groupMembers),
  ),
  row('sought', 'Addresses to join at behind which there is nobody yet', (c) => c.status().sought.length),
  row('same_identity_total', 'How often two nodes were seen with one identity', (c) => c.status().sameIdentity),
  row('resyncs_total', "How often the copy of another node's table had to be made anew", (c) => c.status().resyncs),
];

/** Over the other nodes. */
function sumOf(cluster: ClusterView, read: (member: MemberListing) => number): number {
  return cluster.members().reduce((sum, member) => (member.self ? sum : sum + read(member)), 0);
}

const STATES: readonly MemberState[] = ['joining', 'up', 'leaving', 'down'];

/** Numbers of links and of the cluster, read when somebody asks for them. */
export class ClusterMetrics {
  readonly #peers: PeersView;
  readonly #cluster: ClusterView;
  readonly #links: RowMetrics<LinkInfo>;
  readonly #refused: Counter;
  readonly #members: Gauge;
  readonly #rows: RowMetrics<ClusterView>;

  constructor(registry: Registry, peers: PeersView, cluster: ClusterView, stores: ClusterStoresView | null) {
    this.#peers = peers;
    this.#cluster = cluster;
    this.#links = new RowMetrics(registry, 'plexus_link_', LINK_ROWS, ['peer', 'purpose']);
    const registers = [registry];
    this.#refused = new Counter({
      name: 'plexus_peer_refused_total',
      help: 'Channels that were turned away before they were links, by us or by the other end, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.#members = new Gauge({
      name: 'plexus_cluster_members',
      help: 'Nodes of the cluster as this one sees them, itself among them, by state',
      labelNames: ['state'],
      registers,
    });
    this.#rows = new RowMetrics(registry, 'plexus_cluster_', CLUSTER_ROWS, []);
    if (stores === null) return;
    new Gauge({
      name: 'plexus_cluster_store_conflicts',
      help: 'Stores that are not served because another of the same name is',
      registers,
      collect() {
        this.set(stores.conflicts);
      },
    });
  }

  update(): void {
    this.#links.reset();
    for (const link of this.#peers.links()) this.#links.set({ peer: link.peerId, purpose: link.purpose }, link);
    this.#refused.reset();
    for (const [reason, count] of Object.entries(this.#peers.refusals())) this.#refused.inc({ reason }, count);
    const members = this.#cluster.members();
    for (const state of STATES) this.#members.set({ state }, members.filter((member) => member.state === state).length);
    this.#rows.reset();
    this.#rows.set({}, this.#cluster);
  }
}
