import type { Transport } from '../plan.ts';

/**
 * What a run is about. Some systems have a switch (TCP_NODELAY) that costs one what it gives the other; each gets
 * its better setting for each kind of run.
 */
export type Tuning = 'throughput' | 'latency';

/** How a run wants a system. */
export interface Setup {
  readonly tuning: Tuning;
  /** What {@link RunningPeer.port} must speak. */
  readonly transport: Transport;
  /** More than one, where it can: a cluster, fully linked when `start` resolves. */
  readonly nodes: 1 | 2;
}

/** A system that can be put under load. */
export interface Peer {
  readonly name: string;
  readonly protocol: 'mqtt' | 'nats';
  readonly transports: readonly Transport[];
  readonly mqtt5: boolean;
  /** Shared subscriptions (`$share`). */
  readonly groups: boolean;
  /** Runs with more than one publisher, and numbered messages, make sense for it. */
  readonly isBroker: boolean;
  /** Null when it is not installed. */
  version(): Promise<string | null>;
  /** Starts it fresh with an empty directory of its own, and resolves when it accepts connections. */
  start(directory: string, setup: Setup): Promise<RunningPeer>;
}

export interface RunningPeer {
  readonly port: number;
  /** Of the last node. */
  readonly subscribePort: number;
  /** The processes whose CPU and memory are measured. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}
