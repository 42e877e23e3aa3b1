/** What main tells the load generator (one JSON message over IPC), and what it answers. */

export interface WirePlan {
  readonly protocol: 'mqtt' | 'nats';
  /** MQTT protocol level: 4 is 3.1.1. Ignored by NATS. */
  readonly version: 4 | 5;
  readonly qos: 0 | 1;
  /** Sent with every PUBLISH; MQTT 5 only. */
  readonly userProperties: readonly (readonly [name: string, value: string])[];
}

/** Who publishes what to whom. Every subscriber wants every message. */
export interface LoadPlan {
  readonly wire: WirePlan;
  readonly publishers: number;
  readonly subscribers: number;
  /** `shared`: all publish on one topic. `own`: each on its own, and subscribers ask for everything. */
  readonly topics: 'shared' | 'own';
  readonly payloadBytes: number;
  /** Most bytes of PUBLISH packets, over all publishers, that the slowest subscriber has not received yet. */
  readonly windowBytes: number;
  /** Most unacknowledged QoS 1 messages of one publisher. */
  readonly ackWindow: number;
}

/** As fast as the closed loop allows. */
export interface FlowPlan extends LoadPlan {
  readonly mode: 'flow';
}

/** A fixed rate of stamped messages; measures latency. */
export interface PacedPlan extends LoadPlan {
  readonly mode: 'paced';
  readonly ratePerSecond: number;
  /** So many of the subscribers stop reading before the first message. */
  readonly frozen: number;
  /** Sent at full speed before the paced part, so that the buffers of a frozen subscriber are full by then. */
  readonly fillBytes: number;
}

/** Numbered messages; each subscriber must get each exactly once, in order per publisher. */
export interface CheckPlan extends LoadPlan {
  readonly mode: 'check';
  readonly messagesPerPublisher: number;
}

/** Connections that do nothing; measures the broker's resident memory. */
export interface IdlePlan {
  readonly mode: 'idle';
  readonly wire: WirePlan;
  /** Connected before the baseline is taken, so that one-time costs (JIT, first heap pages) are not counted. */
  readonly baselineConnections: number;
  readonly connections: number;
  readonly settleMs: number;
}

export type RunPlan = FlowPlan | PacedPlan | CheckPlan | IdlePlan;

export interface Target {
  readonly port: number;
  readonly pid: number;
}

export interface Timing {
  readonly warmupMs: number;
  readonly measureMs: number;
}

export interface RunRequest {
  readonly plan: RunPlan;
  readonly target: Target;
  readonly timing: Timing;
}

export interface FlowResult {
  readonly mode: 'flow';
  readonly deliveriesPerSecond: number;
  /** CPU time of the broker process, all threads, per delivery. */
  readonly brokerCpuMicrosPerDelivery: number;
  /** CPU of the broker process in cores (1 is one core fully busy). */
  readonly brokerCores: number;
  /** CPU of the generator in cores; near 1, the generator is the limit and not the broker. */
  readonly generatorCores: number;
}

export interface PacedResult {
  readonly mode: 'paced';
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly samples: number;
  /** Deliveries that live subscribers did not get within a second after the end. */
  readonly missing: number;
  readonly frozenClosed: number;
}

export interface CheckResult {
  readonly mode: 'check';
  readonly deliveries: number;
}

export interface IdleResult {
  readonly mode: 'idle';
  readonly bytesPerConnection: number;
  readonly connections: number;
}

export type RunResult = FlowResult | PacedResult | CheckResult | IdleResult;

export type RunAnswer = { readonly result: RunResult } | { readonly failure: string };
