import { freeze, latency, type Metric, memory, throughput } from './metrics.ts';
import type { Peer, Tuning } from './peers/peer.ts';
import type { CheckPlan, LoadPlan, RunPlan, WirePlan } from './plan.ts';

export const PAYLOAD_BYTES = 100;
const MIB = 1024 * 1024;

/** Per publisher, and for all publishers of a run together. */
const WINDOW_BYTES = 4 * MIB;
const WINDOW_TOTAL_BYTES = 16 * MIB;
const ACK_WINDOW = 512;

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly metric: Metric;
  readonly tuning: Tuning;
  readonly needs: { readonly mqtt5?: boolean; readonly qos1?: boolean; readonly plainRelay?: boolean };
  /** One run each; several make one sample. */
  readonly plans: readonly RunPlan[];
  /** The correctness pass; null where nothing is delivered. */
  readonly check: CheckPlan | null;
}

/** The table of scenarios: to add one, add an entry. */
export const scenarios: readonly Scenario[] = [
  flow('qos0-1-1', 'QoS 0, 1 → 1', { publishers: 1, subscribers: 1 }),
  flow('qos0-1-50', 'QoS 0, 1 → 50', { publishers: 1, subscribers: 50 }),
  flow('qos0-4-4', 'QoS 0, 4 → 4, one topic', { publishers: 4, subscribers: 4 }),
  flow('qos0-1-200', 'QoS 0, 1 → 200', { publishers: 1, subscribers: 200 }),
  flow('qos0-50-wild', 'QoS 0, 50 → 1 through `#`', { publishers: 50, subscribers: 1, topics: 'own' }),
  flow('qos1-1-1', 'QoS 1 in and out, 1 → 1, pipelined', { publishers: 1, subscribers: 1, wire: { qos: 1 } }),
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
  {
    name: 'idle',
    title: 'idle connections, 10,000: resident memory each',
    metric: memory,
    tuning: 'throughput',
    needs: {},
    plans: [{ mode: 'idle', wire: wirePlan(), baselineConnections: 500, connections: 10_000, settleMs: 4_000 }],
    check: null,
  },
  frozenSubscriber(),
  {
    name: 'latency-1-1',
    title: 'latency, QoS 0, 1 → 1 at 20,000/s',
    metric: latency,
    tuning: 'latency',
    needs: {},
    plans: [
      { ...load({ publishers: 1, subscribers: 1 }), mode: 'paced', ratePerSecond: 20_000, frozen: 0, fillBytes: 0 },
    ],
    check: null,
  },
];

interface Shape {
  readonly publishers: number;
  readonly subscribers: number;
  readonly topics?: 'shared' | 'own';
  readonly wire?: Partial<WirePlan>;
}

function flow(name: string, title: string, shape: Shape): Scenario {
  const plan = load(shape);
  const { qos, version } = plan.wire;
  return {
    name,
    title,
    metric: throughput,
    tuning: 'throughput',
    needs: { mqtt5: version === 5, qos1: qos === 1, plainRelay: shape.publishers === 1 },
    plans: [{ ...plan, mode: 'flow' }],
    check: checkOf(plan),
  };
}

function frozenSubscriber(): Scenario {
  const plan = load({ publishers: 1, subscribers: 20 });
  const pacedPlan = { ...plan, mode: 'paced', ratePerSecond: 5_000, fillBytes: 16 * MIB } as const;
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
    check: checkOf(plan),
  };
}

function wirePlan(changes: Partial<WirePlan> = {}): WirePlan {
  return { protocol: 'mqtt', version: 4, qos: 0, userProperties: [], ...changes };
}

function load({ publishers, subscribers, topics = 'shared', wire = {} }: Shape): LoadPlan {
  const windowBytes = Math.min(publishers * WINDOW_BYTES, WINDOW_TOTAL_BYTES);
  const payloadBytes = PAYLOAD_BYTES;
  return { wire: wirePlan(wire), publishers, subscribers, topics, payloadBytes, windowBytes, ackWindow: ACK_WINDOW };
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
  if (needs.qos1 === true && peer.protocol !== 'mqtt') return false;
  return peer.isBroker || needs.plainRelay === true;
}
