/** What main tells the load generator (one JSON message over IPC), and what it answers. */

export type Transport = 'tcp' | 'tls' | 'websocket';

export interface WirePlan {
  readonly transport: Transport;
  readonly protocol: 'mqtt' | 'nats';
  /** MQTT protocol level: 4 is 3.1.1. Ignored by NATS. */
  readonly version: 4 | 5;
  readonly qos: 0 | 1 | 2;
  /** Sent with every PUBLISH; MQTT 5 only. */
  readonly userProperties: readonly (readonly [name: string, value: string])[];
}

/** Who publishes what to whom. Every subscriber wants every message, except in a group. */
export interface LoadPlan {
  readonly wire: WirePlan;
  /** 2: publishers connect to one node of a cluster, subscribers to the other. */
  readonly nodes: 1 | 2;
  readonly publishers: number;
  readonly subscribers: number;
  /** `shared`: all publish on one topic. `own`: each on its own, and subscribers ask for everything. */
  readonly topics: 'shared' | 'own';
  /** The subscribers are the members of one shared subscription: each message goes to one of them. */
  readonly group: boolean;
  readonly payloadBytes: number;
  /** Most bytes of PUBLISH packets, over all publishers, that the slowest subscriber, or the group, has not received yet. */
  readonly windowBytes: number;
  /** Most unacknowledged QoS 1 or 2 messages of one publisher. */
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
  /** Warm-up if the run's is shorter: at a paced rate it takes a compiler longer to see what is hot. */
  readonly leastWarmupMs: number;
  /** So many of the subscribers stop reading before the first message. */
  readonly frozen: number;
  /** Sent at full speed before the paced part, so that the buffers of a frozen subscriber are full by then. */
  readonly fillBytes: number;
}

/** Numbered messages; each subscriber, or the group, must get each exactly once, in order per publisher. */
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

/** Connections that are closed as soon as the broker has accepted their CONNECT. */
export interface ConnectPlan {
  readonly mode: 'connect';
  readonly wire: WirePlan;
  /** So many are on their way at any time. */
  readonly concurrency: number;
}

export type RunPlan = FlowPlan | PacedPlan | CheckPlan | IdlePlan | ConnectPlan;

export interface Target {
  readonly port: number;
  /** Where subscribers connect: of another node than publishers, where there are two. */
  readonly subscribePort: number;
  /** Of all nodes. */
  readonly pids: readonly number[];
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

export interface ConnectResult {
  readonly mode: 'connect';
  readonly connectsPerSecond: number;
  /** CPU time of the broker process, all threads, per connection. */
  readonly brokerCpuMicrosPerConnect: number;
  readonly brokerCores: number;
  readonly generatorCores: number;
}

export type RunResult = FlowResult | PacedResult | CheckResult | IdleResult | ConnectResult;

export type RunAnswer = { readonly result: RunResult } | { readonly failure: string };
