/**
 * What a run is about. Some systems have a switch (TCP_NODELAY) that costs one what it gives the other; each gets
 * its better setting for each kind of run.
 */
export type Tuning = 'throughput' | 'latency';

/** A system that can be put under load. */
export interface Peer {
  readonly name: string;
  readonly protocol: 'mqtt' | 'nats';
  readonly mqtt5: boolean;
  /** Runs with more than one publisher, and numbered messages, make sense for it. */
  readonly isBroker: boolean;
  /** Null when it is not installed. */
  version(): Promise<string | null>;
  /** Starts it fresh with an empty directory of its own, and resolves when it accepts connections. */
  start(directory: string, tuning: Tuning): Promise<RunningPeer>;
}

export interface RunningPeer {
  readonly port: number;
  /** The process whose CPU and memory are measured. */
  readonly pid: number;
  stop(): Promise<void>;
}
