/** How much of what happens in a world. Everything else follows from the seed. */
export interface Scenario {
  readonly nodes: number;
  /** Virtual milliseconds in which there are clients, and faults. */
  readonly busyMs: number;
  /** Mean time between two faults; null: none. */
  readonly faultEveryMs: number | null;
  /** Per node that has clients. */
  readonly publishersPerNode: number;
  /** Mean time between two messages of a publisher. */
  readonly publishEveryMs: number;
  /** Nodes that have clients; the others just are there. */
  readonly nodesWithClients: number;
  /** Mean time between two changes of interest of a node. */
  readonly churnEveryMs: number;
}

export const FIVE_NODES: Scenario = {
  nodes: 5,
  busyMs: 25_000,
  faultEveryMs: 2_500,
  publishersPerNode: 2,
  publishEveryMs: 150,
  nodesWithClients: 5,
  churnEveryMs: 1_500,
};

/** The group that nodes join and leave. */
export const GROUP = 'workers';

/** Nodes join within this time. */
export const BOOT_MS = 500;
/** Clients come after this time, faults a little later. */
export const CLIENTS_AT_MS = 4_000;
/** Time after the last fault until all nodes agree. */
export const CONVERGE_MS = 5_000;
/** Until nothing is on its way any more. */
export const QUIET_MS = 4_000;
