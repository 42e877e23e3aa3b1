import { Counter, Gauge, type Registry } from 'prom-client';
import type { RealmProblem } from '../auth/federation/kept-realm.ts';
import type { Clock } from '../lib/clock.ts';
import type { MeshStatus } from '../mesh/status.ts';
import { type Row, RowMetrics, row } from './metric-rows.ts';
import type { MeshView } from './ports.ts';

const MS_PER_S = 1000;

const MESH_ROWS: readonly Row<MeshStatus>[] = [
  row('directory_peers', 'Nodes of the directory that this one knows', (m) => m.directoryPeers),
  row('directory_records', 'Records of other nodes that are kept here', (m) => m.directoryRecords),
  row('directory_out_of_reach', '1 while nobody of the directory answers', (m) => (m.outOfReach ? 1 : 0)),
  row('reachable', '1 while others can open connections to this node', (m) =>
    m.reachability === null ? null : m.reachability.reachable ? 1 : 0,
  ),
  row('relays', 'Relays that this node is reached through', (m) => m.reachability?.relays.length ?? null),
  row('relayed_reservations', 'Nodes that are reached through this one', (m) => m.reachability?.reservations ?? null),
  row('advertised_records_total', 'Records that were sent to the directory', (m) => m.advertisements.sent),
  row('advertisement_failures_total', 'How often the directory did not take a key', (m) => m.advertisements.failures),
  row(
    'refused_advertisements_total',
    'Keys that were not advertised because there were too many',
    (m) => m.advertisements.refused,
  ),
  row('failed_lookups_total', 'Questions to the directory that came to no end', (m) => m.lookups.failed),
  row('lookup_hits_total', 'Answers from the cache that nobody had to wait for', (m) => m.lookups.hits),
  row('lookup_misses_total', 'Times that the cache had no answer', (m) => m.lookups.misses),
  row('lookup_evictions_total', 'Keys that the cache forgot for want of room', (m) => m.lookups.evictions),
  row('lookup_keys', 'Keys in the cache', (m) => m.lookups.keys),
  row(
    'pending_lookups',
    'Questions to the directory under way, or waiting for their turn',
    (m) => m.lookups.running + m.lookups.waiting,
  ),
  row('pending_topics', 'Topics with messages that wait until it is known who wants them', (m) => m.pending.topics),
  row(
    'pending_messages',
    'Messages that wait until it is known who wants them, or for a link',
    (m) => m.pending.messages,
  ),
  row('pending_bytes', 'Bytes of these messages', (m) => m.pending.bytes),
  row('duplicates_total', 'Messages from the mesh that had come before, and were dropped', (m) => m.duplicates),
];

interface Timed {
  readonly standing: RealmProblem;
  readonly nowMs: number;
}

/** Negative when it is over. */
const REALM_ROWS: readonly Row<Timed>[] = [
  row('token_seconds_left', 'Until the token of this node ends; none: it has never had one', ({ standing, nowMs }) =>
    standing.notAfterMs === null ? null : (standing.notAfterMs - nowMs) / MS_PER_S,
  ),
  row('revocations_seconds_left', 'Until the newest list of revocations ends', ({ standing, nowMs }) =>
    standing.revocations === null ? null : (standing.revocations.notAfterMs - nowMs) / MS_PER_S,
  ),
];

const ADVERTISEMENT_STATES = ['waiting', 'advertising', 'advertised', 'failed'] as const;
const LINK_STATES = ['up', 'lost', 'none'] as const;
const KINDS = ['subscriber', 'publisher'] as const;
const CAUSES = ['first', 'refresh', 'renew'] as const;

/** Numbers of the mesh, read when somebody asks for them. */
export class MeshMetrics {
  readonly #mesh: MeshView;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #rows: RowMetrics<MeshStatus>;
  readonly #realms: RowMetrics<Timed>;
  readonly #peers: Gauge;
  readonly #advertisements: Gauge;
  readonly #lookups: Counter;
  readonly #refused: Counter;

  constructor(registry: Registry, mesh: MeshView, clock: Pick<Clock, 'wallMs'>) {
    this.#mesh = mesh;
    this.#clock = clock;
    this.#rows = new RowMetrics(registry, 'plexus_mesh_', MESH_ROWS, []);
    this.#realms = new RowMetrics(registry, 'plexus_mesh_', REALM_ROWS, ['realm']);
    const registers = [registry];
    this.#peers = new Gauge({
      name: 'plexus_mesh_peers',
      help: 'Nodes of the mesh with a link, or lately with one, by the state of the link',
      labelNames: ['link'],
      registers,
    });
    this.#advertisements = new Gauge({
      name: 'plexus_mesh_advertisements',
      help: 'Keys under which this node can be found, or should be, by state',
      labelNames: ['state'],
      registers,
    });
    this.#lookups = new Counter({
      name: 'plexus_mesh_lookups_total',
      help: 'Questions to the directory, by whom they are for and why: nothing was known, it grew old, it may have changed',
      labelNames: ['kind', 'cause'],
      registers,
    });
    this.#refused = new Counter({
      name: 'plexus_mesh_refused_total',
      help: 'What nodes of the mesh have shown, said or sent that was not accepted, by reason',
      labelNames: ['reason'],
      registers,
    });
  }

  update(): void {
    const status = this.#mesh.status();
    const nowMs = this.#clock.wallMs();
    this.#rows.reset();
    this.#rows.set({}, status);
    this.#realms.reset();
    for (const standing of status.realms) this.#realms.set({ realm: standing.realm }, { standing, nowMs });
    const links = { up: 0, lost: 0, none: 0 };
    for (const { link } of status.peers) links[link]++;
    for (const link of LINK_STATES) this.#peers.set({ link }, links[link]);
    for (const state of ADVERTISEMENT_STATES) this.#advertisements.set({ state }, status.advertisements[state]);
    this.#lookups.reset();
    for (const kind of KINDS) {
      for (const cause of CAUSES) this.#lookups.inc({ kind, cause }, status.lookups.queries[kind][cause]);
    }
    this.#refused.reset();
    for (const [reason, count] of Object.entries(status.refusals)) this.#refused.inc({ reason }, count);
  }
}
