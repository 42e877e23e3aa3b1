/** What the model of the directory costs, takes and loses. */
export interface DirectoryFigures {
  /** Nodes that keep a record, and that one answer names. */
  readonly k: number;
  /** Nodes are known by buckets of so many leading bits, `k` in each. */
  readonly bucketBits: number;
  /** Paths of a walk that have no node in common, and requests under way on each. */
  readonly paths: number;
  readonly perPath: number;
  /** Of the node that is asked, in milliseconds: the mean of an exponential. */
  readonly handlingMs: number;
  /** Round trips to a node without a connection, beyond that of the request. */
  readonly dialRoundTrips: number;
  /** What both ends need for them, in milliseconds: the mean of an exponential. */
  readonly dialMs: number;
  /** Connections that a node keeps for it; the one not used for longest is closed. */
  readonly connections: number;
  /** Share of requests that are never answered, though both ends live. */
  readonly loss: number;
  /** How long one that is not answered is waited for. */
  readonly timeoutMs: number;
  readonly recordMs: number;
  /** Records of one key that one node keeps; past it the oldest goes. */
  readonly maxPerKey: number;
  /** Between two searches for the nodes around itself, and in each part of the tree. */
  readonly selfMs: number;
  readonly refreshMs: number;
  /** Between two tries to join, while nobody is known. */
  readonly joinMs: number;
  readonly requestBytes: number;
  readonly answerBytes: number;
  /** For each peer in an answer or a record: its id and addresses. */
  readonly peerBytes: number;
  /** Of a new connection, in each direction: Noise, Yamux, identify. */
  readonly dialBytes: number;
}

/**
 * Of `KadDirectory` as nodes run it. Numbers of nodes and paths, and times in seconds and minutes, are those of peer/kad-service.ts,
 * peer/record-store.ts and @libp2p/kad-dht. What a request takes, loses and weighs is as measured between 50 real nodes on loopback
 * (`npm run sim -- --measure-directory` shows both, side by side): they shared one core, and nodes with a core each would take less. None of
 * 5,400 requests was lost, so that the loss is the most that this leaves likely. Bytes are with the headers of TCP and IP; a request has some thirty
 * packets. The delay of the network comes on top, and is that of the world.
 */
export const DIRECTORY_FIGURES: DirectoryFigures = {
  k: 8,
  bucketBits: 6,
  paths: 2,
  perPath: 4,
  handlingMs: 9.5,
  dialRoundTrips: 4,
  dialMs: 14,
  connections: 300,
  loss: 0.0005,
  timeoutMs: 2500,
  recordMs: 300_000,
  maxPerKey: 1000,
  selfMs: 120_000,
  refreshMs: 300_000,
  joinMs: 1000,
  requestBytes: 1000,
  answerBytes: 1000,
  peerBytes: 60,
  dialBytes: 5000,
};
