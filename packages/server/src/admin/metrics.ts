import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { ClusterMetrics } from './cluster-metrics.ts';
import { MeshMetrics } from './mesh-metrics.ts';
import type { AdminPorts, BrokerStats } from './ports.ts';
import { StoreMetrics } from './store-metrics.ts';

type Value = number | readonly number[] | Readonly<Record<string, number>>;

/** One metric read from a snapshot. Arrays are by QoS, records by reason. */
interface Row {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  read: (stats: BrokerStats) => Value;
}

const counter = (name: string, help: string, read: Row['read']): Row => ({ name, help, type: 'counter', read });
const gauge = (name: string, help: string, read: Row['read']): Row => ({ name, help, type: 'gauge', read });

const ROWS: readonly Row[] = [
  gauge('connections', 'Clients connected', (s) => s.connections),
  gauge('sessions', 'Sessions, connected or not', (s) => s.sessions),
  gauge('subscriptions', 'Subscriptions of all sessions', (s) => s.subscriptions),
  gauge('retained_messages', 'Retained messages', (s) => s.retainedMessages),
  gauge('retained_bytes', 'Bytes of retained messages', (s) => s.retainedBytes),
  gauge('queued_messages', 'Messages that wait in sessions', (s) => s.queuedMessages),
  gauge('queued_bytes', 'Bytes that wait in sessions', (s) => s.queuedBytes),
  gauge('outbound_bytes', 'Bytes held for connections that still take something', (s) => s.outboundBytes),
  gauge('stalled_bytes', 'Bytes held for connections that take nothing', (s) => s.stalledBytes),
  gauge('incomplete_bytes', 'Bytes held of packets that have come in part', (s) => s.incompleteBytes),
  gauge('paused_publishers', 'Publishers that wait for others to read', (s) => s.pausedPublishers),
  counter('connects_total', 'CONNECTs that were accepted', (s) => s.connectsTotal),
  counter('refused_connections_total', 'Connections refused before a CONNACK of success, by reason', (s) => s.refused),
  counter('closed_connections_total', 'Ends of connections, by reason', (s) => s.closed),
  counter('messages_received_total', 'Messages from clients, by QoS', (s) => s.messagesIn),
  counter('messages_sent_total', 'Messages to clients, by QoS', (s) => s.messagesOut),
  counter('payload_received_bytes_total', 'Bytes of messages from clients, by QoS', (s) => s.publishBytesIn),
  counter('payload_sent_bytes_total', 'Bytes of messages to clients, by QoS', (s) => s.publishBytesOut),
  counter('socket_received_bytes_total', 'Bytes read from sockets of clients', (s) => s.bytesIn),
  counter('socket_sent_bytes_total', 'Bytes written to sockets of clients', (s) => s.bytesOut),
  counter('dropped_messages_total', 'Messages that did not reach a receiver, by reason', (s) => s.dropped),
];

function labelOf(value: Value): 'qos' | 'reason' | null {
  return typeof value === 'number' ? null : Array.isArray(value) ? 'qos' : 'reason';
}

function write(metric: Counter | Gauge, value: Value): void {
  metric.reset();
  const label = labelOf(value);
  if (label === null) metric.inc(value as number);
  else for (const [key, count] of Object.entries(value)) metric.inc({ [label]: key }, count as number);
}

const NANOSECONDS = 1e9;
const RESOLUTION_MS = 10;

function addEventLoopDelay(registry: Registry): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  new Gauge({
    name: 'plexus_event_loop_delay_seconds',
    help: `How late the event loop ran since the last scrape; ${RESOLUTION_MS} ms of it are the interval of measuring`,
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const quantile of [0.5, 0.9, 0.99])
        this.set({ quantile }, histogram.percentile(quantile * 100) / NANOSECONDS);
      this.set({ quantile: 1 }, histogram.max / NANOSECONDS);
      histogram.reset();
    },
  });
  return () => histogram.disable();
}

export interface Metrics {
  readonly contentType: string;
  /** The Prometheus text. */
  text(): Promise<string>;
  stop(): void;
}

type MetricsPorts = Pick<AdminPorts, 'clusterStores' | 'mesh'> &
  Required<Pick<AdminPorts, 'stats' | 'readiness' | 'node' | 'stores' | 'peers' | 'cluster' | 'clock'>>;

/** Reads the broker's numbers when somebody asks; counting itself knows nothing of Prometheus. */
export function createMetrics(ports: MetricsPorts): Metrics {
  const { stats, readiness, node } = ports;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const stopDelay = addEventLoopDelay(registry);
  const empty = stats.snapshot();
  const metrics = ROWS.map((row) => {
    const label = labelOf(row.read(empty));
    const options = { name: `plexus_${row.name}`, help: row.help, labelNames: label === null ? [] : [label] };
    const metric: Counter | Gauge =
      row.type === 'counter'
        ? new Counter({ ...options, registers: [registry] })
        : new Gauge({ ...options, registers: [registry] });
    return { row, metric };
  });
  const ready = new Gauge({
    name: 'plexus_ready',
    help: '1 when every condition of readiness is met',
    registers: [registry],
  });
  const info = new Gauge({
    name: 'plexus_info',
    help: 'Always 1',
    labelNames: ['version', 'node_id'],
    registers: [registry],
  });
  const stores = new StoreMetrics(registry, ports.stores, ports.clock);
  const cluster = new ClusterMetrics(registry, ports.peers, ports.cluster, ports.clusterStores ?? null);
  const mesh = ports.mesh === undefined ? null : new MeshMetrics(registry, ports.mesh, ports.clock);

  return {
    contentType: registry.contentType,
    async text() {
      await stores.update();
      cluster.update();
      mesh?.update();
      const snapshot = stats.snapshot();
      for (const { row, metric } of metrics) write(metric, row.read(snapshot));
      ready.set(readiness.unmet().length === 0 ? 1 : 0);
      const { version, nodeId } = node.describe();
      info.set({ version, node_id: nodeId }, 1);
      return registry.metrics();
    },
    stop() {
      stopDelay();
      registry.clear();
    },
  };
}
