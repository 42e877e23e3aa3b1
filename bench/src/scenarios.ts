import { connects, freeze, hop, latency, type Metric, memory, throughput } from './metrics.ts';
import type { Peer, Tuning } from './peers/peer.ts';
import type { CheckPlan, LoadPlan, RunPlan, Transport, WirePlan } from './plan.ts';

export const PAYLOAD_BYTES = 100;
const MIB = 1024 * 1024;

/** Per publisher, and for all publishers of a run together. */
const WINDOW_BYTES = 4 * MIB;
const WINDOW_TOTAL_BYTES = 16 * MIB;
const ACK_WINDOW = 512;

/** A p99 hangs on what else the machine did in a few milliseconds: it needs more samples than a throughput. */
const LATENCY_SAMPLES = 3;
/** Connections on their way at once when handshakes are counted. */
const CONNECTING = 64;

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly metric: Metric;
  readonly tuning: Tuning;
  readonly needs: Needs;
  /** 1 unless it says otherwise; systems take turns between them too. */
  readonly samplesPerRound?: number;
  /** One run each; several make one sample. */
  readonly plans: readonly RunPlan[];
  /** The correctness pass; none where nothing is delivered. */
  readonly checks: readonly CheckPlan[];
}

/** What a system must have to take part. */
interface Needs {
  readonly transport?: Transport;
  /** Because of QoS 1 and 2, or because the handshake of MQTT is what is measured. */
  readonly mqtt?: boolean;
  readonly mqtt5?: boolean;
  readonly groups?: boolean;
  /** Makes sense for {@link Peer.isBroker} false. */
  readonly plainRelay?: boolean;
}

/** The table of scenarios: to add one, add an entry. */
export const scenarios: readonly Scenario[] = [
  flow('qos0-1-1', 'QoS 0, 1 → 1', { publishers: 1, subscribers: 1 }),
  flow('qos0-1-50', 'QoS 0, 1 → 50', { publishers: 1, subscribers: 50 }),
  flow('qos0-4-4', 'QoS 0, 4 → 4, one topic', { publishers: 4, subscribers: 4 }),
  flow('qos0-1-200', 'QoS 0, 1 → 200', { publishers: 1, subscribers: 200 }),
  flow('qos0-50-wild', 'QoS 0, 50 → 1 through `#`', { publishers: 50, subscribers: 1, topics: 'own' }),
  flow('qos1-1-1', 'QoS 1 in and out, 1 → 1, pipelined', { publishers: 1, subscribers: 1, wire: { qos: 1 } }),
  flow('qos2-1-1', 'QoS 2 in and out, 1 → 1, pipelined', { publishers: 1, subscribers: 1, wire: { qos: 2 } }),
  sharedSubscription(),
  flow('v5-1-50', 'QoS 0, MQTT 5, two user properties, 1 → 50', {
    publishers: 1,
    subscribers: 50,
    wire: {
      version: 5,
      userProperties: [
        ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736'],
        ['site', 'hall-7'],
      ],
    },
  }),
  flow('websocket-1-50', 'QoS 0 over WebSocket, 1 → 50', {
    publishers: 1,
    subscribers: 50,
    wire: { transport: 'websocket' },
  }),
  flow('tls-1-50', 'QoS 0 over TLS, 1 → 50', { publishers: 1, subscribers: 50, wire: { transport: 'tls' } }),
  {
    name: 'connects',
    title: 'connections per second, MQTT handshake complete',
    metric: connects,
    tuning: 'latency',
    needs: { mqtt: true, plainRelay: true },
    plans: [{ mode: 'connect', wire: wirePlan(), concurrency: CONNECTING }],
    checks: [],
  },
  {
    name: 'idle',
    title: 'idle connections, 10,000: resident memory each',
    metric: memory,
    tuning: 'throughput',
    needs: {},
    plans: [{ mode: 'idle', wire: wirePlan(), baselineConnections: 500, connections: 10_000, settleMs: 4_000 }],
    checks: [],
  },
  frozenSubscriber(),
  {
    name: 'latency-1-1',
    title: 'latency, QoS 0, 1 → 1 at 20,000/s',
    metric: latency,
    tuning: 'latency',
    needs: {},
    samplesPerRound: LATENCY_SAMPLES,
    plans: [
      {
        ...load({ publishers: 1, subscribers: 1 }),
        mode: 'paced',
        ratePerSecond: 20_000,
        leastWarmupMs: 2_000,
        frozen: 0,
        fillBytes: 0,
      },
    ],
    checks: [],
  },
];

/** Those with two nodes: rows of the cluster's table. */
export const clusterScenarios: readonly Scenario[] = [
  flow('cluster-1-1', 'QoS 0, publisher on one node → subscriber on another', {
    publishers: 1,
    subscribers: 1,
    nodes: 2,
  }),
  flow('cluster-1-50', 'QoS 0, publisher on one node → 50 subscribers on another', {
    publishers: 1,
    subscribers: 50,
    nodes: 2,
  }),
  flow('cluster-qos1', 'QoS 1, publisher on one node → subscriber on another, pipelined', {
    publishers: 1,
    subscribers: 1,
    nodes: 2,
    wire: { qos: 1 },
  }),
  oneHop(),
];

/** The same across the mesh. */
export const meshScenarios: readonly Scenario[] = [
  acrossMesh(),
  flow('mesh-tcp', 'QoS 0, publisher on one node → subscriber on another, one link over TCP', {
    publishers: 1,
    subscribers: 1,
    nodes: 2,
  }),
  flow('mesh-quic', 'QoS 0, publisher on one node → subscriber on another, one link over QUIC', {
    publishers: 1,
    subscribers: 1,
    nodes: 2,
  }),
];

interface Shape {
  readonly publishers: number;
  readonly subscribers: number;
  readonly topics?: 'shared' | 'own';
  readonly group?: boolean;
  readonly nodes?: 1 | 2;
  readonly wire?: Partial<WirePlan>;
}

function flow(name: string, title: string, shape: Shape): Scenario {
  const plan = load(shape);
  const { qos, transport, version } = plan.wire;
  // The relay answers one packet at QoS 1, and listens without TLS and WebSocket.
  const plainRelay = shape.publishers === 1 && qos < 2 && plan.nodes === 1;
  return {
    name,
    title,
    metric: throughput,
    tuning: 'throughput',
    needs: { transport, mqtt: qos > 0, mqtt5: version === 5, groups: plan.group, plainRelay },
    plans: [{ ...plan, mode: 'flow' }],
    checks: [checkOf(plan)],
  };
}

/** Timed with MQTT 5, which specifies it; with 3.1.1, where brokers have it all the same, it is only checked. */
function sharedSubscription(): Scenario {
  const shape = { publishers: 4, subscribers: 4, group: true } as const;
  const older = checkOf(load({ ...shape, wire: { qos: 1 } }));
  const scenario = flow('shared-4-4', 'QoS 1, MQTT 5, 4 → shared subscription of 4', {
    ...shape,
    wire: { version: 5, qos: 1 },
  });
  return { ...scenario, checks: [...scenario.checks, older] };
}

function frozenSubscriber(): Scenario {
  const plan = load({ publishers: 1, subscribers: 20 });
  const pacedPlan = { ...plan, mode: 'paced', ratePerSecond: 5_000, leastWarmupMs: 0, fillBytes: 16 * MIB } as const;
  return {
    name: 'frozen',
    title: 'one frozen subscriber of twenty, 5,000/s: p99 of the others, frozen ÷ none frozen',
    metric: freeze,
    tuning: 'latency',
    needs: {},
    plans: [
      { ...pacedPlan, frozen: 0 },
      { ...pacedPlan, frozen: 1 },
    ],
    checks: [checkOf(plan)],
  };
}

/** The same load within one node and between two: what the second node adds. */
function oneHop(): Scenario {
  const paced = { mode: 'paced', ratePerSecond: 5_000, leastWarmupMs: 2_000, frozen: 0, fillBytes: 0 } as const;
  const shape = { publishers: 1, subscribers: 1 };
  return {
    name: 'cluster-hop',
    title: 'latency that one hop adds, QoS 0 at 5,000/s',
    metric: hop,
    tuning: 'latency',
    needs: {},
    samplesPerRound: LATENCY_SAMPLES,
    plans: [
      { ...load(shape), ...paced },
      { ...load({ ...shape, nodes: 2 }), ...paced },
    ],
    checks: [],
  };
}

function acrossMesh(): Scenario {
  const plan = load({ publishers: 1, subscribers: 1, nodes: 2 });
  return {
    name: 'mesh-later',
    title: 'latency across the mesh, QoS 0, 1 → 1 at 1,000/s',
    metric: latency,
    tuning: 'latency',
    needs: {},
    samplesPerRound: LATENCY_SAMPLES,
    plans: [{ ...plan, mode: 'paced', ratePerSecond: 1_000, leastWarmupMs: 5_000, frozen: 0, fillBytes: 0 }],
    checks: [checkOf(plan)],
  };
}

function wirePlan(changes: Partial<WirePlan> = {}): WirePlan {
  return { transport: 'tcp', protocol: 'mqtt', version: 4, qos: 0, userProperties: [], ...changes };
}

function load({ publishers, subscribers, topics = 'shared', group = false, nodes = 1, wire = {} }: Shape): LoadPlan {
  const windowBytes = Math.min(publishers * WINDOW_BYTES, WINDOW_TOTAL_BYTES);
  const payloadBytes = PAYLOAD_BYTES;
  const load = { nodes, publishers, subscribers, topics, group, payloadBytes, windowBytes, ackWindow: ACK_WINDOW };
  return { wire: wirePlan(wire), ...load };
}

function checkOf(plan: LoadPlan): CheckPlan {
  return { ...plan, mode: 'check', messagesPerPublisher: Math.max(100, Math.floor(5_000 / plan.publishers)) };
}

/** The same plan in the peer's protocol. */
export function forPeer<P extends RunPlan>(plan: P, peer: Peer): P {
  return { ...plan, wire: { ...plan.wire, protocol: peer.protocol } };
}

/** Whether the peer has what the scenario is about. */
export function applies({ needs }: Scenario, peer: Peer): boolean {
  if (needs.mqtt5 === true && !peer.mqtt5) return false;
  if (needs.mqtt === true && peer.protocol !== 'mqtt') return false;
  if (needs.groups === true && !peer.groups) return false;
  if (!peer.transports.includes(needs.transport ?? 'tcp')) return false;
  return peer.isBroker || needs.plainRelay === true;
}
